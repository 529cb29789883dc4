import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';

/**
 * Several files as one run of bytes, in order: the parts of a multipart object.
 * Closing it closes them all.
 */
export function concat(files: readonly RandomAccess[]): RandomAccess {
  const starts: number[] = [];
  let size = 0;
  for (const file of files) {
    starts.push(size);
    size += file.size;
  }

  /** Index of the file that holds byte `offset`; `offset` < size. */
  const indexAt = (offset: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };

  return {
    size,
    async read(offset, target) {
      requireRange(this, offset, target.length);
      for (let done = 0; done < target.length;) {
        const index = indexAt(offset + done);
        const file = files[index]!;
        const at = offset + done - starts[index]!;
        const length = Math.min(file.size - at, target.length - done);
        await file.read(at, target.subarray(done, done + length));
        done += length;
      }
    },
    ...(files.some((file) => file.nextData) && {
      async nextData(offset: number) {
        if (offset >= size) return undefined;
        for (let index = indexAt(offset); index < files.length; index++) {
          const file = files[index]!;
          const from = starts[index]!;
          if (file.size === 0) continue;
          const at = Math.max(0, offset - from);
          const found = file.nextData ? await file.nextData(at) : { start: at, end: file.size };
          if (found) return { start: from + found.start, end: from + found.end };
        }
        return undefined;
      },
    }),
    async close() {
      await Promise.all(files.map((file) => file.close?.()));
    },
  };
}
