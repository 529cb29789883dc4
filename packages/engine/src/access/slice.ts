import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';

/** A window of `length` bytes from `offset`, as a file of its own. Closing it leaves `file` open. */
export function slice(file: RandomAccess, offset: number, length: number): RandomAccess {
  requireRange(file, offset, length);
  const nextData = file.nextData?.bind(file);
  return {
    size: length,
    async read(at, target) {
      requireRange(this, at, target.length);
      await file.read(offset + at, target);
    },
    ...(nextData && {
      async nextData(at: number) {
        const found = await nextData(offset + at);
        if (!found || found.start >= offset + length) return undefined;
        return { start: found.start - offset, end: Math.min(found.end - offset, length) };
      },
    }),
  };
}
