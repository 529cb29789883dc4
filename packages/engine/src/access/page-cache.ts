import { limits } from '../limits.ts';
import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';

/** A file whose pages are kept in memory within a fixed budget; tables are read through it (H4). */
export interface PageCache extends RandomAccess {
  /**
   * `length` bytes at `offset`: a view into the kept page when they lie in one page (don't change
   * or keep it), else a copy.
   */
  view(offset: number, length: number): Promise<Uint8Array>;
}

/**
 * @param budgetBytes at most this much is kept; the least recently used page goes first
 */
export function pageCache(
  file: RandomAccess,
  budgetBytes: number = limits.pageCacheBytes,
  pageBytes: number = limits.pageBytes,
): PageCache {
  const pages = new Map<number, Promise<Uint8Array>>(); // in order of use
  const capacity = Math.max(1, Math.floor(budgetBytes / pageBytes));

  async function load(index: number): Promise<Uint8Array> {
    const start = index * pageBytes;
    const bytes = new Uint8Array(Math.min(pageBytes, file.size - start));
    await file.read(start, bytes);
    return bytes;
  }

  function page(index: number): Promise<Uint8Array> {
    let kept = pages.get(index);
    if (kept) {
      pages.delete(index);
    } else {
      kept = load(index);
      // A failed read is not remembered; whoever waits for it gets the error.
      kept.catch(() => pages.get(index) === kept && pages.delete(index));
      if (pages.size >= capacity) pages.delete(pages.keys().next().value!);
    }
    pages.set(index, kept);
    return kept;
  }

  async function read(offset: number, target: Uint8Array): Promise<void> {
    requireRange(file, offset, target.length);
    for (let done = 0; done < target.length;) {
      const at = offset + done;
      const bytes = await page(Math.floor(at / pageBytes));
      const from = at % pageBytes;
      const length = Math.min(bytes.length - from, target.length - done);
      target.set(bytes.subarray(from, from + length), done);
      done += length;
    }
  }

  return {
    size: file.size,
    read,
    async view(offset, length) {
      requireRange(file, offset, length);
      const from = offset % pageBytes;
      if (from + length <= pageBytes) {
        return (await page(Math.floor(offset / pageBytes))).subarray(from, from + length);
      }
      const copy = new Uint8Array(length);
      await read(offset, copy);
      return copy;
    },
  };
}
