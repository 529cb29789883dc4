import type { RandomAccess } from '../access/random-access.ts';
import { limits } from '../limits.ts';
import type { Codec, Extent } from './disk.ts';

/**
 * Joins what a driver finds entry by entry into extents: neighbours of one kind, and for stored
 * ones of one place, become one extent of at most 1 GiB. Packed units are never joined.
 * Each call returns the extents that are complete, mostly none:
 * `for (…) yield* runs.zero(length); yield* runs.flush();`
 */
export class ExtentRuns {
  readonly #file: RandomAccess;
  readonly #end: number;
  #guestOffset: number;
  #open:
    | { kind: 'stored' | 'zero' | 'hole'; guestOffset: number; length: number; fileOffset: number }
    | undefined;

  /**
   * @param guestOffset where the first extent starts
   * @param virtualSize where the last is cut
   */
  constructor(file: RandomAccess, guestOffset: number, virtualSize: number) {
    this.#file = file;
    this.#guestOffset = guestOffset;
    this.#end = virtualSize;
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
  stored(length: number, fileOffset: number): Extent[] {
    return this.#add('stored', length, fileOffset);
  }

  /**
   * A unit that the end of the file may cut: what lies in the file is stored, the rest zero.
   * The caller has refused `fileOffset` ≥ the file's size.
   */
  storedUpToEnd(length: number, fileOffset: number): Extent[] {
    const inFile = Math.min(length, this.#file.size - fileOffset);
    const stored = this.#add('stored', inFile, fileOffset);
    return inFile === length ? stored : [...stored, ...this.#add('zero', length - inFile, 0)];
  }

  /** Written, and zero. */
  zero(length: number): Extent[] {
    return this.#add('zero', length, 0);
  }

  /** Never written. */
  hole(length: number): Extent[] {
    return this.#add('hole', length, 0);
  }

  /** One packed unit of `unitSize` guest bytes, cut at the disk's end. */
  packed(unit: { unitSize: number; fileOffset: number; fileLength: number; codec: Codec }): Extent[] {
    const complete = this.flush();
    const guestOffset = this.#guestOffset;
    const length = Math.min(unit.unitSize, this.#end - guestOffset);
    if (length <= 0) return complete;
    this.#guestOffset += length;
    complete.push({ kind: 'packed', guestOffset, length, file: this.#file, ...unit });
    return complete;
  }

  /** The extent that is still open, if any; the last call. */
  flush(): Extent[] {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return [];
    const { kind, guestOffset, length, fileOffset } = open;
    return kind === 'stored'
      ? [{ kind, guestOffset, length, file: this.#file, fileOffset }]
      : [{ kind, guestOffset, length }];
  }

  #add(kind: 'stored' | 'zero' | 'hole', wanted: number, fileOffset: number): Extent[] {
    const complete: Extent[] = [];
    let left = Math.min(wanted, this.#end - this.#guestOffset);
    let place = fileOffset;
    while (left > 0) {
      let open = this.#open;
      const joins =
        open !== undefined &&
        open.kind === kind &&
        open.length < limits.extentBytes &&
        (kind !== 'stored' || open.fileOffset + open.length === place);
      if (!joins) {
        complete.push(...this.flush());
        open = this.#open = { kind, guestOffset: this.#guestOffset, length: 0, fileOffset: place };
      }
      const length = Math.min(left, limits.extentBytes - open!.length);
      open!.length += length;
      this.#guestOffset += length;
      place += length;
      left -= length;
    }
    return complete;
  }
}
