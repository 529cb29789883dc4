/**
 * GUIDs in Microsoft's byte order: the first three groups little-endian, the rest as written.
 * Text form: lower case, 36 characters.
 */
const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

export function guidAt(bytes: Uint8Array, at: number): string {
  if (at < 0 || at + 16 > bytes.length) throw new RangeError(`no GUID at ${at} of ${bytes.length} bytes`);
  const hex = order.map((i) => bytes[at + i]!.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @param guid 36 characters, any case */
export function guidBytes(guid: string): Uint8Array {
  const hex = guid.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new RangeError(`not a GUID: ${guid}`);
  const bytes = new Uint8Array(16);
  order.forEach((place, i) => {
    bytes[place] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  });
  return bytes;
}

export const nullGuid = '00000000-0000-0000-0000-000000000000';
