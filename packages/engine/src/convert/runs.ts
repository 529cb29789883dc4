import type { PlacedRun } from './layout.ts';

const COLUMNS = 4;

/**
 * Placed runs in four columns of one growing array: 32 bytes each, and what continues its
 * predecessor costs nothing. Crosses threads as one array.
 */
export class RunList {
  #columns: Float64Array<ArrayBuffer>;
  #count: number;
  #sealed = false;

  constructor(columns = new Float64Array(64 * COLUMNS), count = 0) {
    this.#columns = columns;
    this.#count = count;
  }

  /** The list that `pack` made this of. */
  static unpack(packed: Float64Array<ArrayBuffer>): RunList {
    return new RunList(packed, packed.length / COLUMNS);
  }

  get count(): number {
    return this.#count;
  }

  /** Let the next run be one of its own, even if it continues the last. */
  seal(): void {
    this.#sealed = true;
  }

  /** Add runs in ascending order of units. */
  add(runs: Iterable<PlacedRun>): void {
    for (const run of runs) this.#addOne(run);
  }

  /** The runs from number `first` on. */
  slice(first = 0): PlacedRun[] {
    return Array.from({ length: this.#count - first }, (_, i) => this.#at(first + i));
  }

  pack(): Float64Array<ArrayBuffer> {
    return this.#columns.slice(0, this.#count * COLUMNS);
  }

  #at(index: number): PlacedRun {
    const at = index * COLUMNS;
    return {
      firstUnit: this.#columns[at]!,
      count: this.#columns[at + 1]!,
      fileOffset: this.#columns[at + 2]!,
      unitLength: this.#columns[at + 3]!,
    };
  }

  #addOne(run: PlacedRun): void {
    const last = (this.#count - 1) * COLUMNS;
    const columns = this.#columns;
    const continues =
      this.#count > 0 &&
      !this.#sealed &&
      run.firstUnit === columns[last]! + columns[last + 1]! &&
      columns[last + 3] === run.unitLength &&
      run.fileOffset === columns[last + 2]! + columns[last + 1]! * run.unitLength;
    if (continues) {
      columns[last + 1] = columns[last + 1]! + run.count;
      return;
    }
    if ((this.#count + 1) * COLUMNS > columns.length) {
      this.#columns = new Float64Array(Math.max(64 * COLUMNS, columns.length * 2));
      this.#columns.set(columns);
    }
    this.#sealed = false;
    const { firstUnit, count, fileOffset, unitLength } = run;
    this.#columns.set([firstUnit, count, fileOffset, unitLength], this.#count * COLUMNS);
    this.#count++;
  }
}
