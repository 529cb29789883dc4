/** Writing hostile disk files by hand: numbers, patches and the checksums of the formats. */
export const be32 = (value: number): Buffer => write(4, (b) => b.writeUInt32BE(value));
export const le32 = (value: number): Buffer => write(4, (b) => b.writeUInt32LE(value));
export const be64 = (value: number | bigint): Buffer => write(8, (b) => b.writeBigUInt64BE(BigInt(value)));
export const le64 = (value: number | bigint): Buffer => write(8, (b) => b.writeBigUInt64LE(BigInt(value)));

function write(length: number, fill: (target: Buffer) => unknown): Buffer {
  const target = Buffer.alloc(length);
  fill(target);
  return target;
}

export type Bytes = Uint8Array | readonly number[] | string;

/** A copy of `file` with `bytes` at `offset`; pairs may follow. */
export function poke(file: Buffer, ...patches: readonly (readonly [offset: number, bytes: Bytes])[]): Buffer {
  const copy = Buffer.from(file);
  for (const [offset, bytes] of patches) copy.set(raw(bytes), offset);
  return copy;
}

export const raw = (bytes: Bytes): Uint8Array =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Uint8Array.from(bytes);

/** The first 60 % of a file, in whole sectors. */
export const cut = (file: Buffer): Buffer =>
  Buffer.from(file.subarray(0, Math.floor((file.length * 6) / 10 / 512) * 512));

/** Complement of the byte sum, with the field itself as zero: VHD (big-endian) and ZVHD (little-endian). */
function sumUp(file: Buffer, start: number, length: number, field: number): number {
  file.writeUInt32LE(0, start + field);
  let sum = 0;
  for (const byte of file.subarray(start, start + length)) sum += byte;
  return ~sum >>> 0;
}

/** @returns `file`, its VHD footer or dynamic header at `start` summed anew */
export function sumVhd(file: Buffer, start: number, length: 512 | 1024): Buffer {
  const field = length === 512 ? 64 : 36;
  file.writeUInt32BE(sumUp(file, start, length, field), start + field);
  return file;
}

/** @returns `file`, its ZVHD or ZVHD2 header at `start` summed anew */
export function sumZvhd(file: Buffer, start: number): Buffer {
  file.writeUInt32LE(sumUp(file, start, 512, 64), start + 64);
  return file;
}

/** @returns `file`, the CRC-32C at byte 4 of its VHDX structure at `start` computed anew */
export function sumVhdx(file: Buffer, start: number, length: number): Buffer {
  file.writeUInt32LE(0, start + 4);
  let crc = 0xffffffff;
  for (const byte of file.subarray(start, start + length)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  file.writeUInt32LE(~crc >>> 0, start + 4);
  return file;
}
