import { putU32le, putU64le, putU8, u32le } from '../../bytes/integers.ts';
import { Fields } from '../../bytes/fields.ts';
import { geometryOf } from '../vhd/geometry.ts';

/** Every structure starts on a unit. */
export const UNIT = 4096;
export const HEADER_BYTES = 512;
/** Block of ZVHD, and of every ZVHD2 seen. */
export const BLOCK_BYTES = 2 * 1024 * 1024;
const GiB = 1024 * 1024 * 1024;

export const cookies = { zvhd: 'stream\0\0', zvhd2: 'z2strm\0\0' } as const;
export type ZvhdName = keyof typeof cookies;

/** Offsets of the fields in the header; the lower half is that of a VHD footer, in little-endian. */
export const at = {
  features: 8,
  formatVersion: 12,
  dataOffset: 16,
  timestamp: 24,
  creator: 28,
  creatorVersion: 32,
  originalSize: 40,
  currentSize: 48,
  geometry: 56,
  diskType: 60,
  checksum: 64,
  uuid: 68,
  hidden: 85,
  version: 87,
  blockSize: 88,
  blockCount: 92,
  indexOffset: 96,
  bitmapOffset: 104,
  indexSize: 112,
  bitmapSize: 116,
  indexSegmentSize: 120,
  bitmapSegmentSize: 124,
  indexSegments: 128,
  bitmapSegments: 132,
  storedBlocks: 136,
  indexHoldsZeroBlocks: 140,
  compression: 141,
} as const;

export const FORMAT_VERSION = 0x0001_0000;
export const DISK_TYPE = 4;
export const INDEX_SEGMENT = 512 * 1024;
export const BITMAP_SEGMENT = 4096;
/** Blocks that one index segment (16 bytes each) or one bitmap segment (a bit each) covers. */
export const BLOCKS_PER_SEGMENT = 32_768;
export const compressions = { zlib: 0, zstd: 1 } as const;

const text = new TextEncoder();

/** Does a unit start with the cookie? Bytes 6 and 7 are NUL in files seen; their writer looks at six letters. */
export function hasCookie(bytes: Uint8Array, format: ZvhdName): boolean {
  if (bytes.length < 16) return false;
  const letters = text.encode(cookies[format].slice(0, 6));
  if (!letters.every((letter, i) => bytes[i] === letter)) return false;
  return (bytes[6] === 0 && bytes[7] === 0) || u32le(bytes, at.formatVersion) === FORMAT_VERSION;
}

/** The complement of the sum of the 512 bytes, the field itself taken as 0. */
export function checksumOf(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < HEADER_BYTES; i++) {
    if (i < at.checksum || i >= at.checksum + 4) sum += header[i]!;
  }
  return ~sum >>> 0;
}

/** Is the checksum right? One old writer summed before it set `hidden`. */
export function isChecksumRight(fields: Fields): boolean {
  const stated = fields.u32(at.checksum);
  if (checksumOf(fields.bytes) === stated) return true;
  const old = [0x0000_0001, 0x0001_0001].includes(fields.u32(at.creatorVersion));
  if (!old || fields.u8(at.hidden) === 0 || fields.u32(at.creator) !== u32le(text.encode('tap\0'), 0))
    return false;
  const shown = Uint8Array.from(fields.bytes);
  shown[at.hidden] = 0;
  return checksumOf(shown) === stated;
}

export const fieldsOf = (bytes: Uint8Array, format: ZvhdName, offset: number): Fields =>
  new Fields(bytes, { format, offset, endian: 'le' });

/** What a writer knows at the start: everything but the places. */
export interface HeaderStart {
  readonly format: ZvhdName;
  /** Guest bytes of the source, a multiple of 512. */
  readonly originalSize: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  readonly compression: number;
}

/** What the final header of a ZVHD2 adds. */
export interface HeaderEnd {
  readonly indexOffset: number;
  readonly indexSegments: number;
  readonly bitmapOffset: number;
  readonly bitmapSegments: number;
  readonly storedBlocks: number;
}

/** Original size rounded up to a whole GiB: the size that readers show. */
export const currentSizeOf = (originalSize: number): number => Math.ceil(originalSize / GiB) * GiB;

/** One unit: the header and zeros. The timestamp is 0 (2000-01-01), so that one input gives one output. */
export function makeHeader(start: HeaderStart, end?: HeaderEnd): Uint8Array {
  const unit = new Uint8Array(UNIT);
  const { format, originalSize } = start;
  unit.set(text.encode(cookies[format]), 0);
  putU32le(unit, at.features, 2);
  putU32le(unit, at.formatVersion, FORMAT_VERSION);
  unit.fill(0xff, at.dataOffset, at.dataOffset + 8);
  unit.set(text.encode('tap\0'), at.creator);
  putU32le(unit, at.creatorVersion, 0x0001_0004);
  putU64le(unit, at.originalSize, originalSize);
  putU64le(unit, at.currentSize, currentSizeOf(originalSize));
  const { cylinders, heads, sectorsPerTrack } = geometryOf(originalSize / 512);
  putU32le(unit, at.geometry, cylinders * 65_536 + heads * 256 + sectorsPerTrack);
  putU32le(unit, at.diskType, DISK_TYPE);
  unit.set(start.uuid, at.uuid);
  if (format === 'zvhd2') {
    putU8(unit, at.version, 1);
    putU32le(unit, at.blockSize, BLOCK_BYTES);
    putU32le(unit, at.blockCount, Math.ceil(originalSize / BLOCK_BYTES));
    putU8(unit, at.compression, start.compression);
  }
  if (end) {
    putU64le(unit, at.indexOffset, end.indexOffset);
    putU64le(unit, at.bitmapOffset, end.bitmapOffset);
    putU32le(unit, at.indexSize, end.indexSegments * INDEX_SEGMENT);
    putU32le(unit, at.bitmapSize, end.bitmapSegments * BITMAP_SEGMENT);
    putU32le(unit, at.indexSegmentSize, INDEX_SEGMENT);
    putU32le(unit, at.bitmapSegmentSize, BITMAP_SEGMENT);
    putU32le(unit, at.indexSegments, end.indexSegments);
    putU32le(unit, at.bitmapSegments, end.bitmapSegments);
    putU32le(unit, at.storedBlocks, end.storedBlocks);
  }
  putU32le(unit, at.checksum, checksumOf(unit));
  return unit;
}
