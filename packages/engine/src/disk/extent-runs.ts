import type { RandomAccess } from '../access/random-access.ts';
import { limits } from '../limits.ts';
import type { Codec, Extent } from './disk.ts';

/** What most calls return; shared, as a map has millions of entries. */
const NONE: Extent[] = [];

interface OpenRun {
  readonly kind: 'stored' | 'zero' | 'hole';
  readonly guestOffset: number;
  length: number;
  readonly fileOffset: number;
}

/**
 * Joins what a driver finds entry by entry into extents: neighbours of one kind, and for stored
 * ones of one place, become one extent of at most 1 GiB. Packed units are never joined.
 * Each call returns the extents that are complete, mostly none:
 * `for (…) for (const extent of runs.zero(length)) yield extent;` and at the end `runs.flush()`.
 */
export class ExtentRuns {
  readonly #file: RandomAccess;
  readonly #end: number;
  #guestOffset: number;
  #skip: number;
  #open: OpenRun | undefined;

  /**
   * @param range.from guest offset of the first extent
   * @param range.unitStart start of the unit that holds `from`: what is added first starts there and
   *   is cut (a packed unit is not); `from` when absent
   * @param range.to the disk's virtual size, where the last extent is cut
   */
  constructor(file: RandomAccess, range: { from: number; unitStart?: number; to: number }) {
    this.#file = file;
    this.#guestOffset = range.from;
    this.#skip = range.from - (range.unitStart ?? range.from);
    this.#end = range.to;
  }

  /** Where the next extent starts. */
  get guestOffset(): number {
    return this.#guestOffset;
  }

  /** True once the disk's end is reached: whatever is added is cut to nothing. */
  get done(): boolean {
    return this.#guestOffset >= this.#end;
  }

  /** Guest bytes that lie at `fileOffset`, all of them in the file. */
  stored(length: number, fileOffset: number): readonly Extent[] {
    return this.#add('stored', length, fileOffset);
  }

  /**
   * A unit that the end of the file may cut: what lies in the file is stored, the rest zero.
   * The caller has refused a unit that starts behind the end.
   */
  storedUpToEnd(length: number, fileOffset: number): readonly Extent[] {
    const inFile = Math.min(length, Math.max(0, this.#file.size - fileOffset));
    const stored = this.#add('stored', inFile, fileOffset);
    return inFile === length ? stored : [...stored, ...this.#add('zero', length - inFile, 0)];
  }

  /** Written, and zero. */
  zero(length: number): readonly Extent[] {
    return this.#add('zero', length, 0);
  }

  /** Never written. */
  hole(length: number): readonly Extent[] {
    return this.#add('hole', length, 0);
  }

  /** One packed unit of `unitSize` guest bytes, cut at the disk's end only. */
  packed(unit: {
    unitSize: number;
    fileOffset: number;
    fileLength: number;
    codec: Codec;
  }): readonly Extent[] {
    const guestOffset = this.#guestOffset - this.#skip;
    const length = Math.min(unit.unitSize, this.#end - guestOffset);
    if (this.done) return NONE;
    const complete = [...this.flush()];
    this.#skip = 0;
    this.#guestOffset = guestOffset + length;
    complete.push({ kind: 'packed', guestOffset, length, file: this.#file, ...unit });
    return complete;
  }

  /** The extent that is still open, if any; the last call. */
  flush(): readonly Extent[] {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return NONE;
    const { kind, guestOffset, length, fileOffset } = open;
    return kind === 'stored'
      ? [{ kind, guestOffset, length, file: this.#file, fileOffset }]
      : [{ kind, guestOffset, length }];
  }

  #add(kind: OpenRun['kind'], wanted: number, fileOffset: number): readonly Extent[] {
    const skipped = Math.min(this.#skip, wanted);
    this.#skip -= skipped;
    let left = Math.min(wanted - skipped, this.#end - this.#guestOffset);
    let place = fileOffset + skipped;
    let complete: Extent[] | undefined;
    while (left > 0) {
      let open = this.#open;
      if (!open || !joins(open, kind, place)) {
        if (open) (complete ??= []).push(...this.flush());
        open = { kind, guestOffset: this.#guestOffset, length: 0, fileOffset: place };
        this.#open = open;
      }
      const length = Math.min(left, limits.extentBytes - open.length);
      open.length += length;
      this.#guestOffset += length;
      place += length;
      left -= length;
    }
    return complete ?? NONE;
  }
}

function joins(open: OpenRun, kind: OpenRun['kind'], place: number): boolean {
  if (open.kind !== kind || open.length >= limits.extentBytes) return false;
  return kind !== 'stored' || open.fileOffset + open.length === place;
}
