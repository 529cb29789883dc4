import type { RandomAccess } from '../access/random-access.ts';
import type { Layout, LayoutOptions } from '../convert/layout.ts';
import type { Disk, FormatName } from '../disk/disk.ts';

/** The first and last bytes of a file, at most 64 KiB each, for detection. */
export interface Ends {
  readonly size: number;
  readonly head: Uint8Array;
  /** The last `tail.length` bytes; overlaps `head` in small files. */
  readonly tail: Uint8Array;
}

/** May a file named inside an image be opened? `deny` for everything from outside. */
export type References = 'deny';

/** One disk image format. Drivers map; they never read guest data. */
export interface FormatDriver {
  readonly name: FormatName;
  /** Does the content claim to be this format? A right magic with a wrong checksum or version does. */
  matches(ends: Ends): boolean;
  /**
   * Parse and bound the metadata; reads no guest data, at most a few hundred KiB.
   * @throws {DiskError} with field and offset
   */
  open(file: RandomAccess, references: References): Promise<Disk>;
  /**
   * The inverse of `open`: an output file described, not written. Absent if read-only.
   * Pure and deterministic: called again in each worker thread with the same arguments.
   */
  layout?(virtualSize: number, options: LayoutOptions): Layout;
}
