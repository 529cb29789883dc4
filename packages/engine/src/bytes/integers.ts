/**
 * Integers in byte arrays. `number` holds every value up to 2^53 − 1; bit operators cut to 32 bits,
 * so 64-bit values travel as two unsigned halves until they are joined here (hazard H1).
 */
const TWO_32 = 2 ** 32;

function check(bytes: Uint8Array, at: number, length: number): void {
  if (at < 0 || at + length > bytes.length) {
    throw new RangeError(`${length} bytes at ${at} lie outside a buffer of ${bytes.length}`);
  }
}

export function u8(bytes: Uint8Array, at: number): number {
  check(bytes, at, 1);
  return bytes[at]!;
}

export function u16be(bytes: Uint8Array, at: number): number {
  check(bytes, at, 2);
  return bytes[at]! * 256 + bytes[at + 1]!;
}

export function u16le(bytes: Uint8Array, at: number): number {
  check(bytes, at, 2);
  return bytes[at + 1]! * 256 + bytes[at]!;
}

export function u32be(bytes: Uint8Array, at: number): number {
  check(bytes, at, 4);
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function u32le(bytes: Uint8Array, at: number): number {
  check(bytes, at, 4);
  return ((bytes[at + 3]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 1]! << 8) | bytes[at]!) >>> 0;
}

/** Join two unsigned 32-bit halves; exact when the result is at most 2^53 − 1, else only its size is right. */
export const joinHalves = (high: number, low: number): number => high * TWO_32 + low;

/** The upper 32 bits of a non-negative integer below 2^64. */
export const highHalf = (value: number): number => Math.floor(value / TWO_32);

/** The lower 32 bits of a non-negative integer up to 2^53 − 1. */
export const lowHalf = (value: number): number => value % TWO_32;

/** A u64, or `undefined` when it exceeds 2^53 − 1. */
export function u64be(bytes: Uint8Array, at: number): number | undefined {
  const value = joinHalves(u32be(bytes, at), u32be(bytes, at + 4));
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

/** A u64, or `undefined` when it exceeds 2^53 − 1. */
export function u64le(bytes: Uint8Array, at: number): number | undefined {
  const value = joinHalves(u32le(bytes, at + 4), u32le(bytes, at));
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

function put(bytes: Uint8Array, at: number, value: number, limit: number, length: number): void {
  check(bytes, at, length);
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new RangeError(`${value} does not fit into ${length} bytes`);
  }
}

export function putU8(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, 256, 1);
  bytes[at] = value;
}

export function putU16be(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, 65_536, 2);
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 255;
}

export function putU16le(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, 65_536, 2);
  bytes[at] = value & 255;
  bytes[at + 1] = value >>> 8;
}

export function putU32be(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, TWO_32, 4);
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 255;
  bytes[at + 2] = (value >>> 8) & 255;
  bytes[at + 3] = value & 255;
}

export function putU32le(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, TWO_32, 4);
  bytes[at] = value & 255;
  bytes[at + 1] = (value >>> 8) & 255;
  bytes[at + 2] = (value >>> 16) & 255;
  bytes[at + 3] = value >>> 24;
}

/** Write a u64 given as a safe integer. */
export function putU64be(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, Number.MAX_SAFE_INTEGER + 1, 8);
  putU32be(bytes, at, highHalf(value));
  putU32be(bytes, at + 4, lowHalf(value));
}

/** Write a u64 given as a safe integer. */
export function putU64le(bytes: Uint8Array, at: number, value: number): void {
  put(bytes, at, value, Number.MAX_SAFE_INTEGER + 1, 8);
  putU32le(bytes, at, lowHalf(value));
  putU32le(bytes, at + 4, highHalf(value));
}
