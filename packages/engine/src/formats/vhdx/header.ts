import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { fits } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { guidAt, nullGuid } from '../../bytes/guid.ts';
import { diskError } from '../../errors.ts';
import type { Checks } from '../checks.ts';
import { hasRightChecksum, startsWith } from './checksum.ts';

export const FILE_MAGIC = 'vhdxfile';
const KiB = 1024;
export const MiB = 1024 * KiB;
const HEADER_OFFSETS = [64 * KiB, 128 * KiB] as const;
const HEADER_BYTES = 4096;
/** File identifier, two headers, two region tables: nothing else lies in the first MiB. */
export const HEADER_SECTION_BYTES = MiB;

export const headerAt = {
  sequence: 8,
  logGuid: 48,
  logVersion: 64,
  version: 66,
  logLength: 68,
  logOffset: 72,
} as const;

/** One of the two headers, its checksum right. */
export interface VhdxHeader {
  readonly fields: Fields;
  readonly sequence: bigint;
  readonly logGuid: string;
  /** The log may hold writes that are not in their places yet. */
  readonly hasLog: boolean;
  readonly logVersion: number;
  readonly version: number;
  readonly logLength: number;
  readonly logOffset: number;
}

export interface ChosenHeader {
  readonly header: VhdxHeader;
  readonly bothGood: boolean;
}

/** A u64 that may use all its bits, such as a sequence number. */
export function wide(fields: Fields, at: number): bigint {
  const { high, low } = fields.halves(at);
  return (BigInt(high) << 32n) | BigInt(low);
}

async function readHeader(file: RandomAccess, at: number): Promise<VhdxHeader | undefined> {
  if (!fits(at, HEADER_BYTES, file.size)) return undefined;
  const bytes = await readBytes(file, at, HEADER_BYTES);
  if (!startsWith(bytes, 'head') || !hasRightChecksum(bytes)) return undefined;
  const fields = new Fields(bytes, { format: 'vhdx', offset: at, endian: 'le' });
  const logGuid = guidAt(bytes, headerAt.logGuid);
  return {
    fields,
    sequence: wide(fields, headerAt.sequence),
    logGuid,
    hasLog: logGuid !== nullGuid,
    logVersion: fields.u16(headerAt.logVersion),
    version: fields.u16(headerAt.version),
    logLength: fields.u32(headerAt.logLength),
    logOffset: fields.u64(headerAt.logOffset, 'log_offset'),
  };
}

/**
 * The current header: of the two good ones the one with the higher sequence number.
 * @throws {DiskError} `disk-corrupt` without a good one, `disk-unsupported` for another version,
 *   `disk-ambiguous` for two of the same number that differ (H29)
 * @see MS-VHDX 2.2.2
 */
export async function chooseHeader(file: RandomAccess, checks: Checks): Promise<ChosenHeader> {
  const [first, second] = [
    await readHeader(file, HEADER_OFFSETS[0]),
    await readHeader(file, HEADER_OFFSETS[1]),
  ];
  const header = first && second ? current(first, second) : (first ?? second);
  if (!header) {
    const where = { format: 'vhdx', field: 'header', offset: HEADER_OFFSETS[0] };
    throw diskError('disk-corrupt', where, 'neither header has a right checksum', 'mount it once in Hyper-V');
  }
  if (header.version !== 1) {
    const { version, fields } = header;
    throw fields.error('disk-unsupported', headerAt.version, 'version', `version ${version} is unknown`, {
      value: version,
    });
  }
  const where = { field: 'header', offset: header.fields.offset };
  const bothGood = first !== undefined && second !== undefined;
  if (bothGood) checks.passed('headers', 'both headers are good', where);
  else {
    const broken = first ? HEADER_OFFSETS[1] : HEADER_OFFSETS[0];
    checks.noted('headers', `the header at byte ${broken} is damaged; the other is used`, {
      field: 'header',
      offset: broken,
    });
  }
  return { header, bothGood };
}

function current(first: VhdxHeader, second: VhdxHeader): VhdxHeader {
  if (first.sequence !== second.sequence) return first.sequence > second.sequence ? first : second;
  // disk2vhd writes two equal headers.
  if (first.fields.bytes.every((byte, i) => byte === second.fields.bytes[i])) return first;
  throw second.fields.error(
    'disk-ambiguous',
    headerAt.sequence,
    'sequence_number',
    `both headers have sequence number ${first.sequence} and they differ`,
    { wayOut: 'mount it once in Hyper-V' },
  );
}
