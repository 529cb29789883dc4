import { doomBlob } from '../catalog/blobs.ts';
import {
  blobReferences,
  doomStaleBlob,
  doomedBlobs,
  forgetDoomedBlob,
  isForeignKeyViolation,
  staleWritingBlobs,
  unreferencedBlobs,
} from '../catalog/blobs-sweep.ts';
import type { BlobId } from '../store/blob-store.ts';
import type { BlobPins } from './pins.ts';
import type { BlobContext, SweepReport } from './types.ts';

const pageRows = 200;

/**
 * Delete a blob's row, unless somebody refers to it; parts of it that nobody else needs go too.
 * @returns how many rows went
 */
export async function dropBlob(context: BlobContext, id: BlobId): Promise<number> {
  const parts = await context.catalog
    .write((tx) => doomBlob(tx, id, context.now()))
    .catch((error: unknown) => {
      if (isForeignKeyViolation(error)) return undefined;
      throw error;
    });
  if (!parts) return 0;
  let gone = 1;
  for (const part of new Set(parts)) gone += await dropBlob(context, part);
  return gone;
}

/** Remove the bytes of doomed blobs whose grace is over. @returns how many went */
export async function removeDoomed(context: BlobContext, pins: BlobPins): Promise<number> {
  const until = context.now() - context.graceMs;
  let after: { id: BlobId; at: number } | undefined;
  let removed = 0;
  for (;;) {
    const page = await doomedBlobs(context.catalog.db, until, pageRows, after);
    for (const { id } of page) {
      if (pins.has(id)) continue; // being read; the next sweep finds it
      await context.store.delete(id);
      await context.catalog.write((tx) => forgetDoomedBlob(tx, id));
      removed += 1;
    }
    after = page.at(-1);
    if (page.length < pageRows) return removed;
  }
}

/** See `Blobs.sweep`. */
export async function sweepBlobs(context: BlobContext, pins: BlobPins): Promise<SweepReport> {
  const stale = await doomStale(context);
  const unreferenced = await dropUnreferenced(context);
  const removed = await removeDoomed(context, pins);
  return { stale, unreferenced, removed };
}

async function doomStale(context: BlobContext): Promise<number> {
  let count = 0;
  for (;;) {
    const page = await staleWritingBlobs(context.catalog.db, context.writer, pageRows);
    let progressed = 0;
    for (const blob of page) {
      if (await context.catalog.write((tx) => doomStaleBlob(tx, context.catalog.engine, blob, context.now())))
        progressed += 1;
    }
    count += progressed;
    if (page.length < pageRows || progressed === 0) return count;
  }
}

async function dropUnreferenced(context: BlobContext): Promise<number> {
  const references = await blobReferences(context.catalog);
  let after: BlobId | undefined = '';
  let count = 0;
  while (after !== undefined) {
    const page: { ids: BlobId[]; last: BlobId | undefined } = await unreferencedBlobs(
      context.catalog,
      references,
      context.writer,
      after,
      pageRows,
    );
    for (const id of page.ids) count += await dropBlob(context, id);
    after = page.last;
    // Other work comes first: the sweep of a large catalogue is spread out.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}
