import { setTimeout as sleep } from 'node:timers/promises';
import { findBlob, makeBlobLive, setBlobInspection } from '../../catalog/blobs.ts';
import type { Tx } from '../../catalog/database.ts';
import { findJob, finishJob, leasedJob } from '../../catalog/jobs.ts';
import { DomainError } from '../../errors.ts';
import type { ImageData } from '../../image/record.ts';
import { leaseLost } from '../../job/failure.ts';
import { holdsLease } from '../../job/guards.ts';
import type { Attempt } from '../../job/handler.ts';
import type { TransferDeps } from '../deps.ts';

/** Times that the transaction is repeated when its answer didn't come. */
const repeats = 5;

/** Bytes that the attempt wrote, to become live; absent where an existing blob is referred to. */
export interface NewBlob {
  readonly size: number;
  readonly digests: { readonly md5?: string; readonly sha256?: string; readonly sha512?: string };
  readonly format: string;
  readonly virtualSize: number;
}

/**
 * One transaction: job done, blob live, image active; all or nothing, and only with the lease.
 * @throws {DomainError} `lease-lost`
 */
export async function activateStep(
  deps: TransferDeps,
  attempt: Attempt,
  imageId: string,
  data: ImageData,
  written: NewBlob | undefined,
): Promise<void> {
  attempt.progress.enter('activate');
  const { catalog } = deps;
  for (let times = 1; ; times += 1) {
    attempt.signal.throwIfAborted();
    try {
      await catalog.write((tx) => commit(deps, tx, attempt, imageId, data, written));
      return;
    } catch (error) {
      // A rule said no: nothing happened. Anything else may have happened unheard.
      if (error instanceof DomainError || times === repeats) throw error;
      const outcome = await outcomeOf(deps, attempt);
      if (outcome === 'done') return;
      if (outcome === 'lost') throw leaseLost(attempt.jobId);
      await sleep(100 * times);
    }
  }
}

async function commit(
  { catalog, images, now }: TransferDeps,
  tx: Tx,
  { lease, jobId }: Attempt,
  imageId: string,
  data: ImageData,
  written: NewBlob | undefined,
): Promise<void> {
  if (!(await finishJob(tx, catalog.engine, lease, now))) throw leaseLost(jobId);
  if (written) {
    const { fence } = lease;
    if (!(await makeBlobLive(tx, data.blobId, { jobId, fence }, written))) throw leaseLost(jobId);
    const { format, virtualSize } = written;
    await setBlobInspection(tx, data.blobId, { format, virtualSize, report: '{}' });
  } else if ((await findBlob(tx, data.blobId))?.state !== 'live') {
    throw new DomainError('internal', `blob ${data.blobId} vanished though the job held it`);
  }
  await images.activate(tx, imageId, data);
}

/** Did a transaction without an answer commit? */
async function outcomeOf(
  { catalog }: TransferDeps,
  { lease, jobId }: Attempt,
): Promise<'done' | 'lost' | 'open'> {
  const row = await findJob(catalog.db, jobId);
  if (row?.state === 'done' && row.fence === lease.fence) return 'done';
  return row && holdsLease(leasedJob(row), lease) ? 'open' : 'lost';
}
