/** Arithmetic on offsets without bit operators, which would cut to 32 bits. */

/** The smallest multiple of `unit` that is ≥ `value`; both safe integers, `unit` > 0. */
export function roundUp(value: number, unit: number): number {
  const rest = value % unit;
  return rest === 0 ? value : value + (unit - rest);
}

/** The greatest multiple of `unit` that is ≤ `value`. */
export const roundDown = (value: number, unit: number): number => value - (value % unit);

export const ceilDiv = (value: number, divisor: number): number => roundUp(value, divisor) / divisor;

export const isAligned = (value: number, unit: number): boolean => value % unit === 0;

export const isPowerOfTwo = (value: number): boolean =>
  Number.isInteger(value) && value > 0 && Number.isInteger(Math.log2(value));

/** Does `offset + length` stay within `size`? Compared by subtraction, so nothing overflows (H2). */
export const fits = (offset: number, length: number, size: number): boolean =>
  offset <= size && length <= size - offset;

/** True when every byte is zero; compares four bytes at a time. */
export function isAllZero(bytes: Uint8Array): boolean {
  let at = 0;
  const lead = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  for (; at < lead; at++) if (bytes[at] !== 0) return false;
  const count = Math.floor((bytes.length - at) / 4);
  if (count > 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, count);
    for (let i = 0; i < count; i++) if (words[i] !== 0) return false;
    at += count * 4;
  }
  for (; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
