/**
 * An output file, described. A layout names units of guest bytes, how one is encoded, and what
 * is written around them; the mover (`lane.ts`) reads, skips zeros, encodes, places and writes.
 */
export interface LayoutOptions {
  readonly subformat?: string; // e.g. vhd: 'fixed' | 'dynamic'
  readonly compression?: 'none' | 'zlib' | 'zstd';
  readonly level?: number;
  readonly unitSize?: number;
  /** 16 bytes from which identifiers in the output derive, so that one input gives one output. */
  readonly seed: Uint8Array;
}

export interface Made {
  readonly fileOffset: number;
  readonly bytes: Uint8Array;
}

/** A run of `count` stored units that lie one behind the other in the file. */
export interface PlacedRun {
  readonly firstUnit: number;
  readonly count: number;
  readonly fileOffset: number;
  /** Bytes in the file of each unit, frame and padding included; runs hold units of equal length. */
  readonly unitLength: number;
}

export interface Layout {
  /** Guest bytes that the output shows; ≥ the source's (ZVHD2 rounds up to a GiB). */
  readonly virtualSize: number;
  /** Guest bytes per unit; a multiple of 512. The last unit is zero-filled to this size, unless `cutLast`. */
  readonly unitSize: number;
  /**
   * `guest`: unit u lies at `dataOffset + u × unitSize` (raw, fixed VHD); zero units are skipped.
   * `append`: stored units follow each other from `dataOffset` in ascending order, each on `alignment`.
   */
  readonly placing: 'guest' | 'append';
  readonly dataOffset: number;
  readonly alignment: number;
  /** Write the last unit only as far as the disk goes (raw). */
  readonly cutLast: boolean;
  /** True when the bytes of a unit are written as they are; then `encode` is not called. */
  readonly plain: boolean;
  /**
   * Encode one non-zero unit of `unitSize` bytes; the result's length is what is placed.
   * Synchronous, runs in workers. The result must not share memory with `guest`, nor with the next
   * result: take it from `allocate` (contents undefined), which spares a copy and garbage, or make it.
   */
  encode(unit: number, guest: Uint8Array, allocate: (length: number) => Uint8Array): Uint8Array;
  /** Bytes known before any data, written first; all below `dataOffset`. */
  head(): Made[];
  /**
   * Bytes that need the places: tables, indexes, footers, a header that comes last.
   * @param runs ascending; two may touch. None with `guest` placing
   * @param end first free byte after the last unit
   * @returns pieces in any order; the file ends at the highest byte of pieces and data, or at `fileSize`
   */
  finish(runs: readonly PlacedRun[], end: number): Iterable<Made>;
  /** Length of the output when it does not depend on the data (raw, fixed VHD). */
  readonly fileSize?: number;
  /** `finish` writes only behind the data: the file can be hashed while it is written. */
  readonly ascending: boolean;
}
