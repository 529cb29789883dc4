import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';
import type { Sink } from './sink.ts';

const PAGE = 65_536;

/**
 * A file in memory that keeps only the pages that were written: TiB-sized files in tests, and a
 * place where small conversions may land. Knows its holes.
 */
export class SparseMemory implements RandomAccess, Sink {
  #size: number;
  readonly #pages = new Map<number, Uint8Array>();

  /** @param size initial length in bytes, all hole */
  constructor(size = 0) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    requireRange(this, offset, target.length);
    this.#each(offset, target.length, (page, from, at, length) => {
      const bytes = this.#pages.get(page);
      if (bytes) target.set(bytes.subarray(from, from + length), at);
      else target.fill(0, at, at + length);
    });
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.put(offset, bytes);
  }

  /** `write`, at once; grows the file where needed. */
  put(offset: number, bytes: Uint8Array): this {
    this.#size = Math.max(this.#size, offset + bytes.length);
    this.#each(offset, bytes.length, (page, from, at, length) => {
      let kept = this.#pages.get(page);
      if (!kept) this.#pages.set(page, (kept = new Uint8Array(PAGE)));
      kept.set(bytes.subarray(at, at + length), from);
    });
    return this;
  }

  async truncate(size: number): Promise<void> {
    this.#size = size;
    for (const [page, bytes] of this.#pages) {
      if (page * PAGE >= size) this.#pages.delete(page);
      else if ((page + 1) * PAGE > size) bytes.fill(0, size - page * PAGE);
    }
  }

  async nextData(offset: number): Promise<{ start: number; end: number } | undefined> {
    const pages = [...this.#pages.keys()].sort((a, b) => a - b);
    const first = pages.findIndex((page) => (page + 1) * PAGE > offset);
    if (first < 0) return undefined;
    let last = first;
    while (pages[last + 1] === pages[last]! + 1) last++;
    const start = Math.max(offset, pages[first]! * PAGE);
    const end = Math.min(this.#size, (pages[last]! + 1) * PAGE);
    return start < end ? { start, end } : undefined;
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  #each(
    offset: number,
    total: number,
    visit: (page: number, from: number, at: number, length: number) => void,
  ): void {
    for (let at = 0; at < total;) {
      const page = Math.floor((offset + at) / PAGE);
      const from = (offset + at) % PAGE;
      const length = Math.min(PAGE - from, total - at);
      visit(page, from, at, length);
      at += length;
    }
  }
}
