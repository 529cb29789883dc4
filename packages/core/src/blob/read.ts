import { Readable } from 'node:stream';
import type { RandomAccess } from '@imageyard/engine';
import { DiskError } from '@imageyard/engine';
import type { SourceSpec } from '@imageyard/engine/node';
import { blobParts, findBlob } from '../catalog/blobs.ts';
import type { BlobRow } from '../catalog/tables/blobs.ts';
import { DomainError } from '../errors.ts';
import type { BlobId, BlobStore } from '../store/blob-store.ts';
import type { BlobContext } from './types.ts';
import type { BlobPins } from './pins.ts';

/** Bytes of one chunk of a stream. */
const chunkBytes = 512 * 1024;
/** Parts of one blob open at the same time. */
const openParts = 8;

type OpenBlob = RandomAccess & { close(): Promise<void> };

/** A run of bytes of the store within a blob. */
export interface BlobRun {
  readonly id: BlobId;
  readonly start: number;
  readonly size: number;
}

/** @throws {DomainError} `internal` when there is no such live blob */
export async function liveBlob(context: BlobContext, id: BlobId): Promise<BlobRow> {
  const row = await findBlob(context.catalog.db, id);
  if (row?.state !== 'live') throw new DomainError('internal', `blob ${id} is not in the catalogue`);
  return row;
}

/** The runs of stored bytes that make a blob, in order. */
export async function blobRuns(context: BlobContext, row: BlobRow): Promise<BlobRun[]> {
  if (row.kind === 'whole') return [{ id: row.id, start: 0, size: row.size }];
  const parts = await blobParts(context.catalog.db, row.id);
  return parts.map((part) => ({ id: part.part_blob_id, start: part.start, size: part.size }));
}

/** See `Blobs.describe`. */
export async function describeBlob(context: BlobContext, id: BlobId): Promise<SourceSpec> {
  const row = await liveBlob(context, id);
  if (row.kind === 'whole') return context.store.describe(id);
  const runs = await blobRuns(context, row);
  return {
    kind: 'parts',
    parts: runs.map((run) => {
      const spec = context.store.describe(run.id);
      if (spec.kind !== 'file') throw new DomainError('internal', `part ${run.id} is not one file`);
      return { path: spec.path, size: run.size };
    }),
  };
}

/** See `Blobs.open`. */
export async function openBlob(context: BlobContext, pins: BlobPins, id: BlobId): Promise<OpenBlob> {
  const unpinBlob = pins.pin([id]); // first: a row seen afterwards has its bytes until we let go
  let unpinParts = (): void => {};
  const unpin = (): void => {
    unpinBlob();
    unpinParts();
  };
  let row: BlobRow;
  let joined: JoinedBlob;
  try {
    row = await liveBlob(context, id);
    const runs = await blobRuns(context, row);
    unpinParts = pins.pin(runs.map((run) => run.id));
    if (row.kind === 'parts') await liveBlob(context, id); // not gone while its parts were listed
    joined = new JoinedBlob(context.store, runs, row.size);
    await joined.warm();
  } catch (error) {
    unpin();
    throw error;
  }
  return {
    size: row.size,
    read: (offset, target) => joined.read(offset, target),
    async close() {
      unpin();
      await joined.close();
    },
  };
}

/** See `Blobs.stream`. */
export async function streamBlob(
  context: BlobContext,
  pins: BlobPins,
  id: BlobId,
  range: { start: number; end: number } | undefined,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  const blob = await openBlob(context, pins, id);
  const start = range?.start ?? 0;
  const end = range?.end ?? blob.size;
  if (start < 0 || end < start || end > blob.size) {
    await blob.close();
    throw new DomainError('internal', `bytes ${start}–${end} of a blob of ${blob.size}`);
  }
  const stream = Readable.from(chunks(blob, start, end), { objectMode: false, highWaterMark: chunkBytes });
  // A generator that was never started runs no `finally`: close on the stream's own end instead.
  stream.once('close', () => void blob.close());
  if (signal) {
    const stop = (): void => void stream.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    if (signal.aborted) stop();
    else {
      signal.addEventListener('abort', stop, { once: true });
      stream.once('close', () => signal.removeEventListener('abort', stop));
    }
  }
  return stream;
}

async function* chunks(blob: RandomAccess, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - at));
    await blob.read(at, chunk);
    at += chunk.length;
    yield chunk;
  }
}

/** Several runs as one; keeps the last few open. */
class JoinedBlob {
  readonly #store: BlobStore;
  readonly #runs: readonly BlobRun[];
  readonly #size: number;
  readonly #open = new Map<number, Promise<OpenBlob>>();
  #closed = false;

  constructor(store: BlobStore, runs: readonly BlobRun[], size: number) {
    this.#store = store;
    this.#runs = runs.filter((run) => run.size > 0);
    this.#size = size;
  }

  /** Open the first run now, so that its absence shows at once. */
  async warm(): Promise<void> {
    if (this.#runs.length) await this.#run(0);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset < 0 || offset + target.length > this.#size) {
      throw new DiskError('disk-truncated', `bytes ${offset}+${target.length} end past ${this.#size}`, {
        offset,
      });
    }
    let index = this.#indexOf(offset);
    for (let done = 0; done < target.length; index += 1) {
      const run = this.#runs[index];
      if (!run) throw new DomainError('internal', `no part holds byte ${offset + done}`);
      const within = offset + done - run.start;
      const length = Math.min(target.length - done, run.size - within);
      const file = await this.#run(index);
      await file.read(within, target.subarray(done, done + length));
      done += length;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const file of this.#open.values()) {
      await file.then(
        (opened) => opened.close(),
        () => {},
      );
    }
  }

  async #run(index: number): Promise<OpenBlob> {
    const known = this.#open.get(index);
    if (known) return known;
    const run = this.#runs[index];
    if (!run || this.#closed) throw new DomainError('internal', 'the blob is closed');
    const opening = this.#store.open(run.id);
    this.#open.set(index, opening);
    opening.catch(() => this.#open.delete(index));
    for (const [oldest, file] of this.#open) {
      if (this.#open.size <= openParts) break;
      if (oldest === index) continue;
      this.#open.delete(oldest);
      await (await file).close();
    }
    return opening;
  }

  /** Index of the run that holds `offset` (the last that starts at or before it). */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#runs[middle]?.start ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
