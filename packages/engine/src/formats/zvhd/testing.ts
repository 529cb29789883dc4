import zlib from 'node:zlib';
import { memoryFile } from '../../access/memory-file.ts';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { putU32le, u32le } from '../../bytes/integers.ts';
import { convertDisk } from '../../convert/run.ts';
import type { Disk, Extent } from '../../disk/disk.ts';
import { scanDisk } from '../../disk/scan.ts';
import { driverFor } from '../registry.ts';
import { at, BLOCK_BYTES, checksumOf, makeHeader, UNIT, type ZvhdName } from './header.ts';
import { zvhd2Layout } from './layout.ts';
import { makeRecord } from './record.ts';

/** Builders of small files for this folder's tests. */
export const GiB = 2 ** 30;
export const ORIGINAL = 24_117_760;
export const uuid = Uint8Array.from('031425364758697a8b9cadbecfe0f102'.match(/../g)!, (hex) =>
  Number.parseInt(hex, 16),
);

/** A block that packs well, different for each number. */
export function blockOf(number: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i += 4096) {
    block.fill((i >>> 12) & 15, i, i + 2048);
    block[i] = number + 1;
  }
  return block;
}
/** Blocks 1, 3 and the last, which is only partly part of the disk. */
export const stored = [1, 3, 11];

/** ZVHD2 through our own writer. */
export async function makeZvhd2(compression: 'zstd' | 'zlib' = 'zstd'): Promise<Uint8Array> {
  const guest = new SparseMemory(ORIGINAL);
  for (const number of stored) {
    guest.put(number * BLOCK_BYTES, blockOf(number).subarray(0, ORIGINAL - number * BLOCK_BYTES));
  }
  const disk = await driverFor('raw').open(guest, 'deny');
  const file = new SparseMemory();
  await convertDisk(disk, zvhd2Layout(ORIGINAL, { seed: uuid, compression }), file);
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  return bytes;
}

/** ZVHD: one zlib stream, flushed after each block. */
export async function makeZvhd(): Promise<Uint8Array> {
  const header = makeHeader({ format: 'zvhd', originalSize: ORIGINAL, uuid, compression: 0 });
  const stream = zlib.createDeflate({ level: 6 });
  const parts: Uint8Array[] = [header];
  for (const number of stored) {
    stream.write(blockOf(number).fill(0, number === 11 ? ORIGINAL - number * BLOCK_BYTES : BLOCK_BYTES));
    await new Promise<void>((done) => stream.flush(zlib.constants.Z_SYNC_FLUSH, done));
    const pieces: Buffer[] = [];
    for (let piece; (piece = stream.read() as Buffer | null);) pieces.push(piece);
    parts.push(makeRecord(number, Buffer.concat(pieces)));
  }
  return new Uint8Array(Buffer.concat([...parts, header]));
}

export const made = { zvhd: await makeZvhd(), zvhd2: await makeZvhd2(), zlib: await makeZvhd2('zlib') };
export const open = (format: ZvhdName, bytes: Uint8Array): Promise<Disk> =>
  driverFor(format).open(memoryFile(bytes), 'deny');
export async function scanned(format: ZvhdName, bytes: Uint8Array): Promise<void> {
  await scanDisk(await open(format, bytes));
}
/** A changed copy. */
export const changed = (bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = bytes.slice();
  change(copy);
  return copy;
};
/** Sum a header again after a change. */
export const resum = (bytes: Uint8Array, offset: number): void => {
  const header = bytes.subarray(offset, offset + 512);
  putU32le(header, at.checksum, checksumOf(header));
};
/** Change a field in the first and the last header and sum both again. */
export const inBoth = (bytes: Uint8Array, change: (header: Uint8Array) => void): Uint8Array =>
  changed(bytes, (copy) => {
    for (const offset of [0, copy.length - UNIT]) {
      change(copy.subarray(offset, offset + UNIT));
      resum(copy, offset);
    }
  });
export const inLast = (bytes: Uint8Array, change: (header: Uint8Array) => void): Uint8Array =>
  changed(bytes, (copy) => {
    change(copy.subarray(copy.length - UNIT));
    resum(copy, copy.length - UNIT);
  });
export const END = made.zvhd2.length - UNIT;
export const INDEX = u32le(made.zvhd2, END + at.indexOffset);
export const BITMAP = u32le(made.zvhd2, END + at.bitmapOffset);
export const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export async function extentsOf(disk: Disk, from = 0): Promise<Extent[]> {
  const all: Extent[] = [];
  for await (const extent of disk.extents(from)) all.push(extent);
  return all;
}

/** Offset of the second record. */
export const secondRecord = (file: Uint8Array): number =>
  UNIT + Math.ceil((48 + u32le(file, UNIT + 12) + 4) / UNIT) * UNIT;
