import { roundUp } from '../bytes/align.ts';
import { diskError, pastEnd } from '../errors.ts';
import { Checks } from '../formats/checks.ts';
import type { Disk, Extent, FileRange, Finding } from './disk.ts';
import { conflictError } from './conflict.ts';
import { UsedRanges } from './used-ranges.ts';

/** What a walk over all tables of a disk says; guest data are not read. */
export interface DiskScan {
  /** Guest bytes that a conversion reads: stored and packed. */
  readonly dataBytes: number;
  readonly storedBytes: number;
  readonly packedBytes: number;
  readonly zeroBytes: number;
  readonly holeBytes: number;
  readonly packedUnits: number;
  /** Bytes of the file that hold guest data. */
  readonly allocatedBytes: number;
  /** Behind the last byte of the file that a structure or unit uses. */
  readonly highestUsedByte: number;
  /** Bytes behind it that nothing uses. */
  readonly trailingBytes: number;
  /** `disk.canonical`, and nothing trails. */
  readonly canonical: boolean;
  readonly findings: readonly Finding[];
}

export interface ScanOptions {
  readonly signal?: AbortSignal;
  /** Guest bytes walked so far, now and then. */
  onProgress?(guestBytesDone: number): void;
}

/** A packed unit's length may count whole sectors; the last 511 bytes may be the next unit's (hazard H7). */
const PACKED_SLACK = 511;
/** Extents between two pauses for the event loop: about a millisecond of work. */
const STEP = 1024;

/** Lets timers and sockets have their turn. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });

/**
 * The structural scan: walks all tables once and checks that no byte of the file is used twice
 * (data, tables, header alike) and that all lies within the file. Time follows the tables, memory
 * is bounded (`limits.duplicateMapBytes`).
 * @throws {DiskError} `disk-corrupt` for a second use, `disk-truncated` for a unit behind the end, and
 *   what the map throws at an entry that breaks a rule
 */
export async function scanDisk(disk: Disk, options: ScanOptions = {}): Promise<DiskScan> {
  const scan = new Scan(disk);
  scan.takeMetadata();
  let count = 0;
  for await (const extent of disk.extents(0, (table) => scan.takeTable(table))) {
    await scan.take(extent);
    if (++count % STEP !== 0) continue;
    options.signal?.throwIfAborted();
    options.onProgress?.(extent.guestOffset + extent.length);
    await pause();
  }
  await scan.throwConflict();
  options.signal?.throwIfAborted();
  return scan.result();
}

class Scan {
  readonly #disk: Disk;
  readonly #used: UsedRanges;
  readonly #bytes = { stored: 0, packed: 0, zero: 0, hole: 0 };
  #packedUnits = 0;
  #allocatedBytes = 0;
  #highest = 0;
  #tableConflict: { table: FileRange; byte: number } | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#used = new UsedRanges(disk.file.size);
  }

  takeMetadata(): void {
    for (const range of this.#disk.metadata) {
      const byte = this.#used.add(range.offset, range.offset + range.length);
      if (byte === undefined) {
        this.#raise(range.offset + range.length);
        continue;
      }
      const other = this.#disk.metadata.find((r) => byte >= r.offset && byte < r.offset + r.length);
      const where = { format: this.#disk.facts.format, field: range.name, offset: range.offset };
      throw diskError('disk-corrupt', where, `the ${range.name} and the ${other?.name} share byte ${byte}`);
    }
  }

  /** Called from within the map, which goes on; the conflict is thrown with the next extent. */
  takeTable(table: FileRange): void {
    const end = table.offset + table.length;
    const byte = this.#used.add(table.offset, end);
    if (byte === undefined) this.#raise(end);
    else this.#tableConflict ??= { table, byte };
  }

  async throwConflict(): Promise<void> {
    if (!this.#tableConflict) return;
    throw await conflictError(this.#disk, this.#tableConflict);
  }

  async take(extent: Extent): Promise<void> {
    await this.throwConflict();
    this.#bytes[extent.kind] += extent.length;
    if (extent.kind !== 'stored' && extent.kind !== 'packed') return;
    const length = extent.kind === 'packed' ? extent.fileLength : extent.length;
    const end = extent.fileOffset + length;
    if (end > extent.file.size) {
      const entry = (await this.#disk.entryOf?.(extent.guestOffset)) ?? {};
      const where = { format: this.#disk.facts.format, ...entry };
      throw pastEnd(where, `guest byte ${extent.guestOffset}`, end, extent.file.size);
    }
    if (extent.kind === 'packed') this.#packedUnits++;
    this.#allocatedBytes += length;
    this.#raise(end);
    const surely = extent.kind === 'packed' ? Math.max(1, length - PACKED_SLACK) : length;
    const byte = this.#used.add(extent.fileOffset, extent.fileOffset + surely);
    if (byte !== undefined) throw await conflictError(this.#disk, { extent, byte });
  }

  #raise(end: number): void {
    this.#highest = Math.max(this.#highest, Math.min(end, this.#disk.file.size));
  }

  result(): DiskScan {
    const { stored, packed, zero, hole } = this.#bytes;
    const checks = new Checks(this.#disk.facts.format);
    checks.passed('map', 'all tables and units lie in the file');
    if (this.#used.exact) checks.passed('overlap', 'no byte of the file is used twice');
    else
      checks.noted('overlap', 'no unit is used twice; overlaps of less than two sectors were not looked for');
    const trailingBytes = this.#trailing(checks);
    return {
      dataBytes: stored + packed,
      storedBytes: stored,
      packedBytes: packed,
      zeroBytes: zero,
      holeBytes: hole,
      packedUnits: this.#packedUnits,
      allocatedBytes: this.#allocatedBytes,
      highestUsedByte: this.#highest,
      trailingBytes,
      canonical: this.#disk.canonical && trailingBytes === 0,
      findings: checks.findings,
    };
  }

  #trailing(checks: Checks): number {
    const { file, tailInUse, endAlignment = 512 } = this.#disk;
    if (tailInUse) return 0;
    const end = roundUp(this.#highest, endAlignment);
    const trailing = Math.max(0, file.size - end);
    if (trailing > 0) {
      const where = { field: 'end', offset: end, value: trailing };
      checks.noted('trailing-bytes', `${trailing} bytes behind the last structure are not used`, where);
    } else {
      checks.passed('trailing-bytes', 'nothing behind the last structure');
    }
    return trailing;
  }
}
