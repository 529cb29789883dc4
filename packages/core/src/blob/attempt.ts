import { randomBytes } from 'node:crypto';
import type { Catalog } from '../catalog/database.ts';
import { insertWritingBlob } from '../catalog/blobs.ts';
import { doomStaleBlob, forgetDoomedBlob } from '../catalog/blobs-sweep.ts';
import { findJob } from '../catalog/jobs.ts';
import type { Lease } from '../job/guards.ts';
import type { BlobId, BlobStore, BlobWriter } from '../store/blob-store.ts';

interface AttemptContext {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly now: () => number;
}

/** Name the blob that an attempt writes: its row comes before its first byte. */
export async function nameAttemptBlob(context: AttemptContext, lease: Lease): Promise<BlobId> {
  const id = randomBytes(16).toString('hex');
  const { jobId, fence } = lease;
  await context.catalog.write((tx) => insertWritingBlob(tx, id, { jobId, fence }, context.now()));
  return id;
}

/** Begin to write it, or go on at the last mark of the attempt before. */
export function openAttemptBlob(context: AttemptContext, id: BlobId, resume: boolean): Promise<BlobWriter> {
  return context.store.create(id, { resume });
}

/** Remove what an ended job's attempt wrote. Does nothing while the job can still go on. */
export async function forgetAttemptBlob(context: AttemptContext, id: BlobId, lease: Lease): Promise<void> {
  const { catalog, store } = context;
  const job = await findJob(catalog.db, lease.jobId);
  const stale = { id, jobId: lease.jobId, fence: lease.fence, writer: null };
  if (job && job.state !== 'done' && job.state !== 'failed') return;
  if (!(await catalog.write((tx) => doomStaleBlob(tx, catalog.engine, stale, context.now())))) return;
  await store.delete(id);
  await catalog.write((tx) => forgetDoomedBlob(tx, id));
}
