import { Fields } from '../../bytes/fields.ts';
import { u32le } from '../../bytes/integers.ts';

export const SECTOR = 512;
export const HEADER_BYTES = 512;

/** The first four bytes, as a little-endian number. */
export const magics = {
  sparse: 0x564d_444b /* KDMV */,
  cowd: 0x4457_4f43 /* COWD */,
  seSparse: 0xcafe_babe,
} as const;

export const flags = {
  newlineCheck: 1,
  redundantTable: 2,
  zeroedGrains: 4,
  compressedGrains: 0x1_0000,
  markers: 0x2_0000,
} as const;

/** Byte offsets that findings and errors name. */
export const headerAt = {
  version: 4,
  flags: 8,
  capacity: 12,
  grainSize: 20,
  descriptorOffset: 28,
  descriptorSize: 36,
  tableEntries: 44,
  redundantOffset: 48,
  directoryOffset: 56,
  overhead: 64,
  unclean: 72,
  newlines: 73,
  compression: 77,
} as const;

/** The header of a sparse extent, or the footer that repeats it. Places are in sectors, as stored. */
export interface SparseHeader {
  readonly fields: Fields;
  readonly version: number;
  readonly flags: number;
  readonly capacity: number;
  readonly grainSectors: number;
  readonly descriptorOffset: number;
  readonly descriptorSectors: number;
  readonly tableEntries: number;
  /** `undefined`: at the end of the file, the footer knows. */
  readonly redundantOffset: number | undefined;
  /** Likewise. */
  readonly directoryOffset: number | undefined;
  readonly overhead: number;
  readonly isUnclean: boolean;
  readonly compression: number;
}

/**
 * @param bytes 512 bytes that start "KDMV"
 * @param at their offset in the file
 * @throws {DiskError} `disk-corrupt` for a number above 2^53 − 1
 */
export function parseHeader(bytes: Uint8Array, at: number): SparseHeader {
  const fields = new Fields(bytes, { format: 'vmdk', offset: at, endian: 'le' });
  return {
    fields,
    version: fields.u32(headerAt.version),
    flags: fields.u32(headerAt.flags),
    capacity: fields.u64(headerAt.capacity, 'capacity'),
    grainSectors: fields.u64(headerAt.grainSize, 'grain_size'),
    descriptorOffset: fields.u64(headerAt.descriptorOffset, 'descriptor_offset'),
    descriptorSectors: fields.u64(headerAt.descriptorSize, 'descriptor_size'),
    tableEntries: fields.u32(headerAt.tableEntries),
    redundantOffset: placeOrEnd(fields, headerAt.redundantOffset, 'rgd_offset'),
    directoryOffset: placeOrEnd(fields, headerAt.directoryOffset, 'gd_offset'),
    overhead: fields.u64(headerAt.overhead, 'overhead'),
    isUnclean: fields.u8(headerAt.unclean) !== 0,
    compression: fields.u16(headerAt.compression),
  };
}

/** A place in sectors, or the value that says "at the end of the file". */
function placeOrEnd(fields: Fields, at: number, field: string): number | undefined {
  const { high, low } = fields.halves(at);
  return high === 0xffff_ffff && low === 0xffff_ffff ? undefined : fields.u64(at, field);
}

/** Are the four bytes that a transfer in text mode would change as they should be? */
export const hasNewlines = (header: SparseHeader): boolean =>
  header.fields.u8(73) === 0x0a &&
  header.fields.u8(74) === 0x20 &&
  header.fields.u8(75) === 0x0d &&
  header.fields.u8(76) === 0x0a;

export const hasFlag = (header: SparseHeader, flag: number): boolean => (header.flags & flag) !== 0;

export const isSparseMagic = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && u32le(bytes, 0) === magics.sparse;
export const isCowdMagic = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && u32le(bytes, 0) === magics.cowd;
export const isSeSparseMagic = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && u32le(bytes, 0) === magics.seSparse && u32le(bytes, 4) === 0;
