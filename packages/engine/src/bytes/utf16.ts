/** UTF-16 as VHD (big-endian) and VHDX (little-endian) store it; lone surrogates become U+FFFD. */
export function decodeUtf16(bytes: Uint8Array, endian: 'le' | 'be'): string {
  const even = bytes.subarray(0, bytes.length - (bytes.length % 2));
  if (endian === 'le') return new TextDecoder('utf-16le', { ignoreBOM: true }).decode(even);
  const swapped = new Uint8Array(even.length);
  for (let i = 0; i < even.length; i += 2) {
    swapped[i] = even[i + 1]!;
    swapped[i + 1] = even[i]!;
  }
  return new TextDecoder('utf-16le', { ignoreBOM: true }).decode(swapped);
}

export function encodeUtf16(text: string, endian: 'le' | 'be'): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = endian === 'le' ? unit & 255 : unit >>> 8;
    bytes[2 * i + 1] = endian === 'le' ? unit >>> 8 : unit & 255;
  }
  return bytes;
}
