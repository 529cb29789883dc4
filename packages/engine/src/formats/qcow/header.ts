import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { Fields } from '../../bytes/fields.ts';
import { pastEnd } from '../../errors.ts';

export const MAGIC = 0x514649fb;
export const HEADER_BYTES = 48;

/** The fields of a QCOW version 1 header, not yet judged. All big-endian. */
export interface QcowHeader {
  readonly fields: Fields;
  readonly backingOffset: number;
  readonly backingLength: number;
  readonly virtualSize: number;
  readonly clusterBits: number;
  readonly l2Bits: number;
  readonly cryptMethod: number;
  readonly l1Offset: number;
}

/** @throws {DiskError} `disk-truncated`, `disk-corrupt` (a u64 above 2^53 − 1) */
export async function readHeader(file: RandomAccess): Promise<QcowHeader> {
  if (file.size < HEADER_BYTES) {
    throw pastEnd({ format: 'qcow', field: 'header', offset: 0 }, 'the header', HEADER_BYTES, file.size);
  }
  const bytes = await readBytes(file, 0, HEADER_BYTES);
  const fields = new Fields(bytes, { format: 'qcow', offset: 0, endian: 'be' });
  return {
    fields,
    backingOffset: fields.u64(8, 'backing_file_offset'),
    backingLength: fields.u32(16),
    virtualSize: fields.u64(24, 'size'),
    clusterBits: fields.u8(32),
    l2Bits: fields.u8(33),
    cryptMethod: fields.u32(36),
    l1Offset: fields.u64(40, 'l1_table_offset'),
  };
}
