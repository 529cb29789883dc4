/** Random access to the bytes of one file: the engine's only way in. */
export interface RandomAccess {
  /** Length in bytes; constant while open. */
  readonly size: number;
  /**
   * Fill all of `target` from `offset` (bytes), never short.
   * @throws {DiskError} `disk-truncated` when the range ends past `size`
   */
  read(offset: number, target: Uint8Array): Promise<void>;
  /**
   * Where data may lie from `offset` on, if the place knows its holes (a sparse file):
   * the first offset ≥ `offset` that may hold data, and the end of that data.
   * `undefined` when only zeros follow. Absent where holes are unknown.
   */
  nextData?(offset: number): Promise<{ start: number; end: number } | undefined>;
  close?(): Promise<void>;
}
