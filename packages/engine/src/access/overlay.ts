import { isAligned } from '../bytes/align.ts';
import type { RandomAccess } from './random-access.ts';
import { requireRange } from './read.ts';

export const PATCH_BYTES = 4096;

/**
 * Changes in front of a file that is never modified: a replayed VHDX log. Applied in order, a
 * later change wins. Memory is that of the patches; zero ranges cost an interval each.
 */
export class Overlay {
  readonly #patches = new Map<number, Uint8Array>();
  /** Disjoint, ascending, [start, end). */
  #zeros: { start: number; end: number }[] = [];

  get patchCount(): number {
    return this.#patches.size;
  }

  /** Replace 4096 bytes. @param offset a multiple of 4096 */
  patch(offset: number, bytes: Uint8Array): void {
    if (!isAligned(offset, PATCH_BYTES) || bytes.length !== PATCH_BYTES) {
      throw new RangeError(
        `a patch is ${PATCH_BYTES} bytes on its own multiple, not ${bytes.length} at ${offset}`,
      );
    }
    this.#patches.set(offset, bytes);
  }

  /** Make a range read as zeros. @param offset and @param length multiples of 4096 */
  zero(offset: number, length: number): void {
    if (!isAligned(offset, PATCH_BYTES) || !isAligned(length, PATCH_BYTES)) {
      throw new RangeError(`a zero range lies on multiples of ${PATCH_BYTES}, not ${length} at ${offset}`);
    }
    if (length === 0) return;
    let added = { start: offset, end: offset + length };
    const others: { start: number; end: number }[] = [];
    for (const known of this.#zeros) {
      if (known.end < added.start || known.start > added.end) others.push(known);
      else added = { start: Math.min(known.start, added.start), end: Math.max(known.end, added.end) };
    }
    this.#zeros = [...others, added].sort((a, b) => a.start - b.start);
    for (const at of this.#patches.keys()) {
      if (at >= offset && at < offset + length) this.#patches.delete(at);
    }
  }

  /**
   * `file` as seen through the changes.
   * @param size its new length; bytes between the old and the new end are zero
   */
  over(file: RandomAccess, size: number = file.size): RandomAccess {
    const read = async (offset: number, target: Uint8Array): Promise<void> => {
      requireRange({ size }, offset, target.length);
      const end = offset + target.length;
      const fromFile = Math.max(0, Math.min(end, file.size) - offset);
      if (fromFile > 0) await file.read(offset, target.subarray(0, fromFile));
      target.fill(0, fromFile);
      for (const zero of this.#zeros) {
        if (zero.start < end && zero.end > offset) {
          target.fill(0, Math.max(0, zero.start - offset), Math.min(end, zero.end) - offset);
        }
      }
      this.#apply(offset, target);
    };
    return { size, read, ...(file.close && { close: () => file.close!() }) };
  }

  #apply(offset: number, target: Uint8Array): void {
    if (this.#patches.size === 0) return;
    const end = offset + target.length;
    for (let at = offset - (offset % PATCH_BYTES); at < end; at += PATCH_BYTES) {
      const bytes = this.#patches.get(at);
      if (!bytes) continue;
      const from = Math.max(0, offset - at);
      const to = Math.min(PATCH_BYTES, end - at);
      target.set(bytes.subarray(from, to), at + from - offset);
    }
  }
}
