import { readBytes } from '../../access/read.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { Fields } from '../../bytes/fields.ts';
import { diskError } from '../../errors.ts';

export const MAGIC = 0x514649fb;
/** Bytes of the header of version 2; version 3 goes on with features. */
const V2_LENGTH = 72;
/** As far as this reader knows fields: the compression type is the last. */
const KNOWN_LENGTH = 105;

/** Bits of the incompatible features, all in the lower half. */
export const incompatible = {
  dirty: 1,
  corrupt: 2,
  dataFile: 4,
  compressionType: 8,
  extendedL2: 16,
} as const;

/** The fields of a QCOW2 header, as numbers, not yet judged. @see QEMU docs/interop/qcow2.rst */
export interface Qcow2Header {
  readonly fields: Fields;
  readonly version: 2 | 3;
  readonly backingOffset: number;
  readonly backingLength: number;
  readonly clusterBits: number;
  readonly virtualSize: number;
  readonly cryptMethod: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly snapshotCount: number;
  readonly snapshotTableOffset: number;
  readonly incompatible: { readonly high: number; readonly low: number };
  readonly compatible: { readonly high: number; readonly low: number };
  readonly autoclear: { readonly high: number; readonly low: number };
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compressionType: number;
}

const noBits = { high: 0, low: 0 };

/**
 * Reads the fixed fields.
 * @throws {DiskError} `disk-truncated` (no whole header), `disk-unsupported` (version),
 *   `disk-corrupt` (a u64 above 2^53 − 1)
 */
export async function readHeader(file: RandomAccess): Promise<Qcow2Header> {
  const bytes = await readBytes(file, 0, Math.min(file.size, KNOWN_LENGTH));
  const fields = new Fields(bytes, { format: 'qcow2', offset: 0, endian: 'be' });
  const version = bytes.length >= 8 ? fields.u32(4) : 2;
  if (version !== 2 && version !== 3) {
    throw fields.error('disk-unsupported', 4, 'version', `version ${version} is neither 2 nor 3`, {
      value: version,
      wayOut: 'convert it with the program that made it',
    });
  }
  if (bytes.length < (version === 2 ? V2_LENGTH : 104)) {
    const fact = `the header needs ${version === 2 ? V2_LENGTH : 104} bytes, the file has ${file.size}`;
    throw diskError('disk-truncated', { format: 'qcow2', field: 'header', offset: 0 }, fact);
  }
  const v3 = version === 3;
  const snapshotCount = fields.u32(60);
  const headerLength = v3 ? fields.u32(100) : V2_LENGTH;
  return {
    fields,
    version,
    backingOffset: fields.u64(8, 'backing_file_offset'),
    backingLength: fields.u32(16),
    clusterBits: fields.u32(20),
    virtualSize: fields.u64(24, 'size'),
    cryptMethod: fields.u32(32),
    l1Entries: fields.u32(36),
    l1Offset: fields.u64(40, 'l1_table_offset'),
    refcountTableOffset: fields.u64(48, 'refcount_table_offset'),
    refcountTableClusters: fields.u32(56),
    snapshotCount,
    // Without snapshots the offset has no meaning, and need not be a number.
    snapshotTableOffset: snapshotCount > 0 ? fields.u64(64, 'snapshots_offset') : 0,
    incompatible: v3 ? fields.halves(72) : noBits,
    compatible: v3 ? fields.halves(80) : noBits,
    autoclear: v3 ? fields.halves(88) : noBits,
    refcountOrder: v3 ? fields.u32(96) : 4,
    headerLength,
    compressionType: v3 && headerLength > 104 && bytes.length > 104 ? fields.u8(104) : 0,
  };
}
