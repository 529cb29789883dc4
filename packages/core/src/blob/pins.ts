import type { BlobId } from '../store/blob-store.ts';

/** Stored bytes that this process is reading right now: the sweep waits for them. */
export class BlobPins {
  readonly #counts = new Map<BlobId, number>();

  /** @returns a function that lets go, once */
  pin(ids: readonly BlobId[]): () => void {
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const id of ids) {
        const left = (this.#counts.get(id) ?? 1) - 1;
        if (left === 0) this.#counts.delete(id);
        else this.#counts.set(id, left);
      }
    };
  }

  has(id: BlobId): boolean {
    return this.#counts.has(id);
  }
}
