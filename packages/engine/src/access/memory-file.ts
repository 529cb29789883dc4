import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';

/** A file whose bytes are in memory. The array is not copied; don't change it while it is read. */
export function memoryFile(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    async read(offset, target) {
      requireRange(this, offset, target.length);
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}
