import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { putU32le, u32le } from '../../bytes/integers.ts';
import { cutShort, diskError, type DiskErrorKind, pastEnd } from '../../errors.ts';
import { hasCookie, UNIT, type ZvhdName } from './header.ts';

/** Prefix and fields in front of a record's compressed bytes, and the mark behind them. */
export const PREFIX_BYTES = 48;
export const POSTFIX_BYTES = 4;
const MAGIC = new TextEncoder().encode('hwstream bg\0');
const END = new TextEncoder().encode('end\0');

const recordAt = { size: 12, block: 16, originalLength: 24 } as const;

/** One stored block. */
export interface BlockRecord {
  readonly block: number;
  readonly packedOffset: number;
  readonly packedLength: number;
  /** Offset behind the padded record. */
  readonly end: number;
}

/** What a record must keep to. */
export interface RecordRules {
  readonly format: ZvhdName;
  readonly blockSize: number;
  /** Blocks that the disk has. */
  readonly blockCount: number;
  /** Records end at this byte of the file at the latest. */
  readonly limit: number;
}

/** Longest compressed form of a block that a writer may leave. */
export function mostPackedBytes({ format, blockSize }: RecordRules): number {
  if (format === 'zvhd') return 2 * blockSize;
  return Math.ceil((2 * blockSize + Math.floor(blockSize / 1000) + 128) / UNIT) * UNIT;
}

export const paddedLength = (packed: number): number =>
  Math.ceil((PREFIX_BYTES + packed + POSTFIX_BYTES) / UNIT) * UNIT;

/**
 * Read the frame of the record at `offset`: 52 bytes, not the compressed ones.
 * @param padded the record's length as an index says, if there is one
 * @returns undefined at the header copy, which ends the records
 * @throws {DiskError} `disk-corrupt`, `disk-truncated`
 */
export async function readRecord(
  file: RandomAccess,
  offset: number,
  rules: RecordRules,
  padded?: number,
): Promise<BlockRecord | undefined> {
  const { format } = rules;
  const refuse = (kind: DiskErrorKind, field: string, from: number, fact: string, value?: number): Error =>
    diskError(kind, { format, field, offset: offset + from, ...(value !== undefined && { value }) }, fact);
  if (offset + UNIT > file.size) {
    throw diskError('disk-truncated', { format, offset }, `no end mark before byte ${file.size}`, cutShort);
  }
  const head = await readBytes(file, offset, PREFIX_BYTES);
  if (!MAGIC.every((byte, i) => head[i] === byte)) {
    if (hasCookie(head, format)) return undefined;
    throw refuse('disk-corrupt', 'prefix', 0, 'neither a record nor the header copy');
  }
  const packedLength = u32le(head, recordAt.size);
  const block = u32le(head, recordAt.block);
  const original = u32le(head, recordAt.originalLength);
  const most = Math.min(
    mostPackedBytes(rules),
    padded === undefined ? Infinity : padded - PREFIX_BYTES - POSTFIX_BYTES,
  );
  if (packedLength === 0 || packedLength > most) {
    throw refuse(
      'disk-corrupt',
      'size',
      recordAt.size,
      `a record of ${packedLength} packed bytes, 1 to ${most} are possible`,
      packedLength,
    );
  }
  if (block >= rules.blockCount) {
    throw refuse(
      'disk-corrupt',
      'block_number',
      recordAt.block,
      `block ${block}, the disk has ${rules.blockCount}`,
      block,
    );
  }
  if (original !== 0 && original !== rules.blockSize) {
    throw refuse(
      'disk-corrupt',
      'original_length',
      recordAt.originalLength,
      `${original} bytes, a block has ${rules.blockSize}`,
      original,
    );
  }
  const end = offset + (padded ?? paddedLength(packedLength));
  if (end > rules.limit) {
    if (end > file.size)
      throw pastEnd(
        { format, field: 'size', offset: offset + recordAt.size },
        `block ${block}`,
        end,
        file.size,
      );
    throw refuse(
      'disk-corrupt',
      'size',
      recordAt.size,
      `a record up to byte ${end}, records end at ${rules.limit}`,
      packedLength,
    );
  }
  const mark = await readBytes(file, end - POSTFIX_BYTES, POSTFIX_BYTES);
  if (!END.every((byte, i) => mark[i] === byte)) {
    throw refuse('disk-corrupt', 'postfix', end - POSTFIX_BYTES - offset, 'the record has no end mark');
  }
  return { block, packedOffset: offset + PREFIX_BYTES, packedLength, end };
}

/**
 * A whole record of one block.
 * @param allocate where it is made; contents of the room don't matter
 */
export function makeRecord(
  block: number,
  packed: Uint8Array,
  allocate: (length: number) => Uint8Array = (length) => new Uint8Array(length),
): Uint8Array {
  const record = allocate(paddedLength(packed.length));
  record.fill(0, 0, PREFIX_BYTES);
  record.set(MAGIC, 0);
  putU32le(record, recordAt.size, packed.length);
  putU32le(record, recordAt.block, block);
  record.set(packed, PREFIX_BYTES);
  record.fill(0, PREFIX_BYTES + packed.length);
  record.set(END, record.length - POSTFIX_BYTES);
  return record;
}
