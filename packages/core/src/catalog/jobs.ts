import { sql } from 'kysely';
import type { Lease, LeasedJob } from '../job/guards.ts';
import { holdsLease } from '../job/guards.ts';
import type { Catalog, Database, Engine, Tx } from './database.ts';
import { databaseTime, lockJob, lockProject } from './jobs-lock.ts';
import type { JobRow } from './tables/jobs.ts';

/** Channel of the hint that there is work. */
export const jobsChannel = 'jobs';
/** Channel of the hint that a running job was ended by somebody else. */
export const endedChannel = 'jobs-ended';

export interface NewJob {
  readonly id: string;
  readonly projectId: string;
  readonly kind: string;
  readonly kindVersion: number;
  readonly imageId: string | null;
  /** Kept from being deleted until the job is final. */
  readonly sourceBlobId: string | null;
  /** JSON. */
  readonly input: string;
}

export interface JobFailure {
  readonly kind: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Queue a job, unless the project has `limit` unfinished ones already.
 * @returns whether it was queued
 */
export async function insertJob(
  tx: Tx,
  engine: Engine,
  job: NewJob,
  limit: number,
  now: () => number,
): Promise<boolean> {
  await lockProject(tx, engine, job.projectId);
  const { rows } = await sql<{ id: string }>`
    insert into jobs (id, project_id, kind, kind_version, state, image_id, source_blob_id, created_at, run_at, input)
    select ${job.id}, ${job.projectId}, ${job.kind}, cast(${job.kindVersion} as integer), 'queued', ${job.imageId},
      ${job.sourceBlobId}, t.at, t.at, ${job.input}
    from (select ${databaseTime(engine, now)} as at) t
    where (select count(*) from jobs where project_id = ${job.projectId} and state in ('queued', 'running'))
      < cast(${limit} as integer)
    returning id`.execute(tx);
  return rows.length === 1;
}

export function findJob(db: Database | Tx, id: string): Promise<JobRow | undefined> {
  return db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The part of a row that the guards judge. */
export function leasedJob(row: JobRow): LeasedJob {
  return { id: row.id, state: row.state, fence: row.fence, leaseId: row.lease_id };
}

/** The job, locked, if the lease still holds. */
async function heldJob(tx: Tx, engine: Engine, lease: Lease): Promise<JobRow | undefined> {
  const row = await lockJob(tx, engine, lease.jobId);
  return row && holdsLease(leasedJob(row), lease) ? row : undefined;
}

/**
 * Say that the worker lives, and how far it is.
 * @returns false when the lease is lost
 */
export function renewLease(
  catalog: Catalog,
  lease: Lease,
  options: { readonly leaseMs: number; readonly progress: string | undefined; readonly now: () => number },
): Promise<boolean> {
  return catalog.write(async (tx) => {
    if (!(await heldJob(tx, catalog.engine, lease))) return false;
    const at = databaseTime(catalog.engine, options.now);
    await tx
      .updateTable('jobs')
      .set({
        lease_until: sql<number>`${at} + cast(${options.leaseMs} as integer)`,
        ...(options.progress === undefined ? {} : { progress: options.progress }),
      })
      .where('id', '=', lease.jobId)
      .execute();
    return true;
  });
}

/**
 * Keep what the next attempt needs to go on.
 * @param moved there is a new mark: resumes are counted anew
 * @returns false when the lease is lost
 */
export function saveCheckpoint(
  catalog: Catalog,
  lease: Lease,
  checkpoint: string,
  moved: boolean,
): Promise<boolean> {
  return catalog.write(async (tx) => {
    if (!(await heldJob(tx, catalog.engine, lease))) return false;
    await tx
      .updateTable('jobs')
      .set({ checkpoint, ...(moved ? { resumes: 0 } : {}) })
      .where('id', '=', lease.jobId)
      .execute();
    return true;
  });
}

/** The lease ends well: the job waits again, and this attempt doesn't count. */
export function giveLeaseBack(catalog: Catalog, lease: Lease): Promise<boolean> {
  return catalog.write(async (tx) => {
    if (!(await heldJob(tx, catalog.engine, lease))) return false;
    await tx.updateTable('jobs').set(waitingAgain).where('id', '=', lease.jobId).execute();
    return true;
  });
}

const waitingAgain = { state: 'queued', lease_id: null, lease_until: null, worker: null } as const;

const released = { lease_id: null, lease_until: null, worker: null, source_blob_id: null } as const;

/**
 * The job is done, in the transaction that makes its result visible.
 * @returns false when the lease is lost: roll back
 */
export async function finishJob(tx: Tx, engine: Engine, lease: Lease, now: () => number): Promise<boolean> {
  if (!(await heldJob(tx, engine, lease))) return false;
  await tx
    .updateTable('jobs')
    .set({ ...released, state: 'done', ended_at: databaseTime(engine, now) })
    .where('id', '=', lease.jobId)
    .execute();
  return true;
}

/** The job has failed, in the transaction that says so elsewhere too. @returns false when the lease is lost */
export async function failJob(
  tx: Tx,
  engine: Engine,
  lease: Lease,
  failure: JobFailure,
  now: () => number,
): Promise<boolean> {
  if (!(await heldJob(tx, engine, lease))) return false;
  await tx
    .updateTable('jobs')
    .set({ ...failedColumns(failure), ended_at: databaseTime(engine, now) })
    .where('id', '=', lease.jobId)
    .execute();
  return true;
}

/**
 * End the unfinished jobs of an image from outside: whoever works on them has lost the lease.
 * @returns the source blobs that they held
 */
export async function cancelImageJobs(
  tx: Tx,
  engine: Engine,
  imageId: string,
  failure: JobFailure,
  now: () => number,
): Promise<string[]> {
  const jobs = await tx
    .selectFrom('jobs')
    .select(['id', 'source_blob_id'])
    .where('image_id', '=', imageId)
    .where('state', 'in', ['queued', 'running'])
    .execute();
  const sources: string[] = [];
  for (const { id } of jobs) {
    const row = await lockJob(tx, engine, id);
    if (row?.state !== 'queued' && row?.state !== 'running') continue;
    await tx
      .updateTable('jobs')
      .set({ ...failedColumns(failure), ended_at: databaseTime(engine, now) })
      .where('id', '=', id)
      .execute();
    if (row.source_blob_id !== null) sources.push(row.source_blob_id);
  }
  return sources;
}

function failedColumns(failure: JobFailure) {
  return {
    ...released,
    state: 'failed',
    error_kind: failure.kind,
    error_message: failure.message,
    error_facts: JSON.stringify(failure.facts),
  } as const;
}

/** Finished jobs that nobody will ask for any more. @returns how many went */
export async function forgetFinishedJobs(tx: Tx, endedBefore: number): Promise<number> {
  const result = await tx
    .deleteFrom('jobs')
    .where('state', 'in', ['done', 'failed'])
    .where('ended_at', '<', endedBefore)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
