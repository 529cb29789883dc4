import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { Fields } from '../../bytes/fields.ts';
import { pastEnd } from '../../errors.ts';

export const MAGIC = 0x51454400; // read big-endian
export const HEADER_BYTES = 64;

/** Bits of the features. */
export const features = { backingFile: 1, needsCheck: 2, backingIsRaw: 4 } as const;

/** The fields of a QED header, not yet judged. All little-endian. @see QEMU docs/interop/qed_spec.rst */
export interface QedHeader {
  readonly fields: Fields;
  readonly clusterSize: number;
  /** In clusters. */
  readonly tableSize: number;
  /** In clusters. */
  readonly headerSize: number;
  readonly features: { readonly high: number; readonly low: number };
  readonly l1Offset: number;
  readonly virtualSize: number;
  readonly backingOffset: number;
  readonly backingLength: number;
}

/** @throws {DiskError} `disk-truncated`, `disk-corrupt` (a u64 above 2^53 − 1) */
export async function readHeader(file: RandomAccess): Promise<QedHeader> {
  if (file.size < HEADER_BYTES) {
    throw pastEnd({ format: 'qed', field: 'header', offset: 0 }, 'the header', HEADER_BYTES, file.size);
  }
  const bytes = await readBytes(file, 0, HEADER_BYTES);
  const fields = new Fields(bytes, { format: 'qed', offset: 0, endian: 'le' });
  return {
    fields,
    clusterSize: fields.u32(4),
    tableSize: fields.u32(8),
    headerSize: fields.u32(12),
    features: fields.halves(16),
    l1Offset: fields.u64(40, 'l1_table_offset'),
    virtualSize: fields.u64(48, 'image_size'),
    backingOffset: fields.u32(56),
    backingLength: fields.u32(60),
  };
}
