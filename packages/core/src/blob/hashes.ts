import type { Digests, HashName } from '@imageyard/engine/node';
import { setBlobDigests } from '../catalog/blobs.ts';
import type { BlobRow } from '../catalog/tables/blobs.ts';
import { DomainError } from '../errors.ts';
import type { BlobId } from '../store/blob-store.ts';
import type { BlobPins } from './pins.ts';
import { blobRuns, liveBlob } from './read.ts';
import { blobHashes } from './receive.ts';
import type { BlobContext, HashHooks, RunningHashes } from './types.ts';

export type WholeHashes = Required<Pick<Digests, 'md5' | 'sha256' | 'sha512'>>;

/** How often progress is told, in milliseconds. */
const progressMs = 200;

function knownHashes(row: BlobRow): WholeHashes | undefined {
  const { md5, sha256, sha512 } = row;
  return md5 && sha256 && sha512 ? { md5, sha256, sha512 } : undefined;
}

interface Pass {
  readonly done: Promise<WholeHashes>;
  readonly callers: Set<HashHooks>;
  readonly abort: AbortController;
}

/** One pass for each blob at a time: who comes later waits for it; it stops when nobody waits. */
export class BlobHashes {
  readonly #context: BlobContext;
  readonly #pins: BlobPins;
  readonly #passes = new Map<BlobId, Pass>();
  /** Passes of others; each resolves once its digests are kept, and never rejects. */
  readonly #others = new Map<BlobId, { kept: Promise<void>; bytesDone(): number }>();

  constructor(context: BlobContext, pins: BlobPins) {
    this.#context = context;
    this.#pins = pins;
  }

  async ensure(id: BlobId, hooks: HashHooks = {}): Promise<WholeHashes> {
    await this.#waitForOther(id, hooks);
    const row = await liveBlob(this.#context, id);
    const known = knownHashes(row);
    if (known) return known;
    hooks.signal?.throwIfAborted();
    const pass = this.#passes.get(id) ?? this.#begin(row);
    pass.callers.add(hooks);
    const left = leaving(hooks.signal);
    try {
      return await Promise.race([pass.done, left.promise]);
    } finally {
      left.forget();
      pass.callers.delete(hooks);
      if (pass.callers.size === 0) pass.abort.abort();
    }
  }

  /** See `Blobs.awaitHashes`. */
  awaitOther(id: BlobId, pass: RunningHashes): void {
    const keep = async (): Promise<void> => {
      try {
        const { md5, sha256, sha512 } = await pass.digests;
        if (!md5 || !sha256 || !sha512) return;
        await this.#context.catalog.write((tx) => setBlobDigests(tx, id, { md5, sha256, sha512 }));
      } catch {
        // Whoever needs the hashes reads the blob instead.
      } finally {
        this.#others.delete(id);
      }
    };
    this.#others.set(id, { kept: keep(), bytesDone: () => pass.bytesDone() });
  }

  async #waitForOther(id: BlobId, hooks: HashHooks): Promise<void> {
    const other = this.#others.get(id);
    if (!other) return;
    const { size } = await liveBlob(this.#context, id);
    const timer = setInterval(() => hooks.onProgress?.(other.bytesDone(), size), progressMs);
    const left = leaving(hooks.signal);
    try {
      await Promise.race([other.kept, left.promise]);
    } finally {
      clearInterval(timer);
      left.forget();
    }
  }

  #begin(row: BlobRow): Pass {
    const callers = new Set<HashHooks>();
    const abort = new AbortController();
    const done = this.#run(row, callers, abort.signal);
    const pass = { done, callers, abort };
    this.#passes.set(row.id, pass);
    const end = (): void => {
      if (this.#passes.get(row.id) === pass) this.#passes.delete(row.id);
    };
    done.then(end, end);
    abort.signal.addEventListener('abort', end, { once: true }); // the next caller starts anew
    return pass;
  }

  async #run(row: BlobRow, callers: Set<HashHooks>, signal: AbortSignal): Promise<WholeHashes> {
    const runs = await blobRuns(this.#context, row);
    const unpin = this.#pins.pin(runs.map((run) => run.id));
    const follower = this.#context.createHashFollower(blobHashes);
    const tell = (): void => {
      for (const { onProgress } of callers) onProgress?.(follower.bytesDone, row.size);
    };
    const timer = setInterval(tell, progressMs);
    const left = leaving(signal);
    try {
      for (const run of runs) {
        const spec = this.#context.store.describe(run.id);
        if (spec.kind !== 'file') throw new DomainError('internal', `blob ${run.id} is not one file`);
        if (run.size > 0) follower.feed(spec.path, 0, run.size);
      }
      const digests = await Promise.race([follower.digest(), left.promise]);
      tell();
      const { md5, sha256, sha512 } = digests as Record<HashName, string>;
      await this.#context.catalog.write((tx) => setBlobDigests(tx, row.id, { md5, sha256, sha512 }));
      return { md5, sha256, sha512 };
    } finally {
      clearInterval(timer);
      left.forget();
      follower.abandon();
      unpin();
    }
  }
}

/** A promise that only rejects: when the signal says so. */
function leaving(signal: AbortSignal | undefined): { promise: Promise<never>; forget(): void } {
  let stop = (): void => {};
  const promise = new Promise<never>((_, reject) => {
    stop = () => reject(signal?.reason as Error);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
  promise.catch(() => {});
  return { promise, forget: () => signal?.removeEventListener('abort', stop) };
}
