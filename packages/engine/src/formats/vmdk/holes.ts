import type { RandomAccess } from '../../access/random-access.ts';

/** Knows which file ranges read as zeros without reading them, where the place knows its holes. */
export class Holes {
  readonly #nextData: ((offset: number) => Promise<{ start: number; end: number } | undefined>) | undefined;
  /** The last answer: nothing in [#from, #start), data in [#start, #end). */
  #from = 0;
  #start = 0;
  #end = 0;

  constructor(file: RandomAccess) {
    this.#nextData = file.nextData?.bind(file);
  }

  /** True only if the whole range is known to be a hole. */
  async covers(offset: number, length: number): Promise<boolean> {
    if (!this.#nextData) return false;
    if (offset < this.#from || offset >= this.#end) {
      const found = await this.#nextData(offset);
      this.#from = offset;
      this.#start = found?.start ?? Number.POSITIVE_INFINITY;
      this.#end = found?.end ?? Number.POSITIVE_INFINITY;
    }
    return offset + length <= this.#start;
  }
}
