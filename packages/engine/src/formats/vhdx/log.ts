import { Overlay } from '../../access/overlay.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { fits, isAligned, roundUp } from '../../bytes/align.ts';
import type { FileRange } from '../../disk/disk.ts';
import { diskError, pastEnd, type DiskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { headerAt, HEADER_SECTION_BYTES, MiB, type VhdxHeader } from './header.ts';
import { LOG_SECTOR, LogRing, type LogDescriptor, type LogEntry } from './log-entry.ts';

/** Entries may overlap in a hostile log: all checksums together sum at most this many log lengths. */
const MAX_SUMMED_LOGS = 4;
/** Ranges of zeros, each of which costs every read; real logs have a handful. */
const MAX_ZERO_RANGES = 4096;
/** Region tables are in the first MiB and may be logged, the file's mark and headers never. */
const FIRST_LOGGED_BYTE = 192 * 1024;
const WAY_OUT = 'mount it once in Hyper-V';

export interface Replayed {
  /** The file as it is once the log is applied; the file itself is not changed. */
  readonly file: RandomAccess;
  readonly entries: number;
}

/**
 * Is the log where a log may be?
 * @throws {DiskError} `disk-corrupt`, `disk-truncated`, `disk-too-large`, `disk-unsupported`
 */
export function logRange(header: VhdxHeader, fileSize: number): FileRange {
  const { logOffset: offset, logLength: length, logVersion, fields } = header;
  const where = {
    format: 'vhdx',
    field: 'log_offset',
    offset: fields.offset + headerAt.logOffset,
    value: offset,
  };
  if (header.hasLog && logVersion !== 0) {
    throw fields.error(
      'disk-unsupported',
      headerAt.logVersion,
      'log_version',
      `log version ${logVersion} is unknown`,
    );
  }
  if (!isAligned(offset, MiB) || !isAligned(length, MiB) || (length > 0 && offset < HEADER_SECTION_BYTES)) {
    throw diskError(
      'disk-corrupt',
      where,
      `a log of ${length} bytes at ${offset} is not on whole MiB behind the first`,
    );
  }
  if (header.hasLog && length === 0) throw diskError('disk-corrupt', where, 'a pending log of no bytes');
  if (length > limits.vhdxLogBytes) {
    const fact = `a log of ${length} bytes, the limit is ${limits.vhdxLogBytes}`;
    throw fields.error('disk-too-large', headerAt.logLength, 'log_length', fact, {
      value: length,
      limit: limits.vhdxLogBytes,
    });
  }
  if (!fits(offset, length, fileSize)) throw pastEnd(where, 'the log', offset + length, fileSize);
  return { name: 'log', offset, length };
}

/**
 * Apply the writes of a pending log in memory. Memory is that of the log, work is bounded.
 * @throws {DiskError} `disk-corrupt` for a log that can't be replayed
 * @see MS-VHDX 2.3.3
 */
export async function replayLog(file: RandomAccess, header: VhdxHeader, range: FileRange): Promise<Replayed> {
  const ring = new LogRing(await readBytes(file, range.offset, range.length), range.offset, header.logGuid);
  const active = activeSequence(ring, range);
  const last = active.at(-1);
  if (!last) return { file, entries: 0 };
  const size = sizeAfter(file, ring, last);
  const replay = new Replay(ring, range, size);
  for (const entry of active) replay.apply(entry);
  return { file: replay.overlay.over(file, size), entries: active.length };
}

const logError = (ring: LogRing, position: number, field: string, fact: string): DiskError =>
  diskError(
    'disk-corrupt',
    { format: 'vhdx', field, offset: ring.fileOffsetOf(position) },
    `the log has ${fact}`,
    WAY_OUT,
  );

/**
 * The entries to replay, oldest first: of all runs of neighbouring entries with rising sequence
 * numbers, whose last one names an entry of the run as tail, the one that ends highest; from that
 * tail on. Empty where no entry is whole.
 */
function activeSequence(ring: LogRing, range: FileRange): LogEntry[] {
  let best: LogEntry[] = [];
  let whole = 0;
  const met = new Set<number>(); // positions that are part of a longer run
  for (let position = 0; position < ring.length; position += LOG_SECTOR) {
    if (met.has(position)) continue;
    const run = runFrom(ring, position, range);
    for (const entry of run) met.add(entry.position);
    whole += run.length;
    const last = run.at(-1);
    if (!last || (best.length > 0 && last.sequence <= best.at(-1)!.sequence)) continue;
    const tail = run.findIndex((entry) => entry.position === last.tail);
    if (tail >= 0) best = run.slice(tail);
  }
  if (best.length === 0 && whole > 0) {
    throw logError(ring, 0, 'log', `${whole} whole entries but no sequence from a tail to a head`);
  }
  return best;
}

function runFrom(ring: LogRing, start: number, range: FileRange): LogEntry[] {
  const run: LogEntry[] = [];
  let used = 0;
  for (let position = start; ;) {
    const entry = ring.entryAt(position);
    if (ring.summedBytes > MAX_SUMMED_LOGS * ring.length) {
      throw logError(
        ring,
        position,
        'log',
        `entries that overlap; checking them takes too long (${range.length} bytes)`,
      );
    }
    if (!entry || used + entry.length > ring.length) return run;
    const before = run.at(-1);
    if (before && entry.sequence !== before.sequence + 1n) return run;
    run.push(entry);
    used += entry.length;
    position = (position + entry.length) % ring.length;
  }
}

/** The file's length after the replay: the writer may have lengthened it. */
function sizeAfter(file: RandomAccess, ring: LogRing, last: LogEntry): number {
  if (last.flushedFileOffset > BigInt(file.size)) {
    const fact = `an entry that wants a file of ${last.flushedFileOffset} bytes, it has ${file.size}`;
    throw logError(ring, last.position + 48, 'flushed_file_offset', fact);
  }
  if (last.lastFileOffset > BigInt(Number.MAX_SAFE_INTEGER - MiB)) {
    throw logError(ring, last.position + 56, 'last_file_offset', 'an entry with an impossible file length');
  }
  return Math.max(file.size, roundUp(Number(last.lastFileOffset), MiB));
}

class Replay {
  readonly overlay = new Overlay();
  readonly #ring: LogRing;
  readonly #range: FileRange;
  readonly #size: number;
  #zeroRanges = 0;

  constructor(ring: LogRing, range: FileRange, size: number) {
    this.#ring = ring;
    this.#range = range;
    this.#size = size;
  }

  apply(entry: LogEntry): void {
    const sectors = entry.length / LOG_SECTOR;
    let data = LogRing.descriptorSectors(entry);
    if (data > sectors)
      throw this.#error(entry.position + 24, 'descriptor_count', 'more descriptors than room for them');
    for (let i = 0; i < entry.descriptors; i++) {
      const descriptor = this.#ring.descriptorAt(entry, i);
      if (!descriptor || descriptor.sequence !== entry.sequence) {
        throw this.#error(entry.position, `descriptor[${i}]`, 'an entry with a foreign descriptor');
      }
      const place = this.#place(descriptor);
      if (descriptor.kind === 'zero') {
        this.#zero(descriptor, place);
        continue;
      }
      if (data >= sectors)
        throw this.#error(descriptor.position, `descriptor[${i}]`, 'a descriptor without data');
      const bytes = this.#ring.dataOf(entry, descriptor, entry.position + LOG_SECTOR * data++);
      if (!bytes) throw this.#error(descriptor.position, `descriptor[${i}]`, 'data of another entry');
      this.overlay.patch(place, bytes);
    }
  }

  #zero(descriptor: LogDescriptor, place: number): void {
    if (++this.#zeroRanges > MAX_ZERO_RANGES) {
      throw this.#error(descriptor.position, 'descriptor', `more than ${MAX_ZERO_RANGES} ranges of zeros`);
    }
    this.overlay.zero(place, Number(descriptor.length));
  }

  /** Where a descriptor writes: on whole sectors, in the file, neither into the headers nor the log. */
  #place(descriptor: LogDescriptor): number {
    const { fileOffset, length, position } = descriptor;
    const end = fileOffset + length;
    const logEnd = BigInt(this.#range.offset + this.#range.length);
    const isAligned4K = fileOffset % 4096n === 0n && length % 4096n === 0n;
    const isInside = fileOffset >= BigInt(FIRST_LOGGED_BYTE) && end <= BigInt(this.#size);
    const meetsLog = fileOffset < logEnd && end > BigInt(this.#range.offset);
    if (isAligned4K && isInside && !meetsLog) return Number(fileOffset);
    throw this.#error(
      position,
      'descriptor',
      `a write of ${length} bytes at ${fileOffset}, where none may go`,
    );
  }

  #error(position: number, field: string, fact: string): DiskError {
    return logError(this.#ring, position, field, fact);
  }
}
