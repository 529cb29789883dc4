import { sql } from 'kysely';
import { mayClaim, mayResume } from '../job/guards.ts';
import type { Lease } from '../job/guards.ts';
import type { Catalog, Tx } from './database.ts';
import { leasedJob } from './jobs.ts';
import { databaseTime, lockProject, skipLocked } from './jobs-lock.ts';
import type { JobRow } from './tables/jobs.ts';

export interface ClaimOptions {
  readonly worker: string;
  /** Kinds and highest versions that this process knows: old and new workers mix. */
  readonly kinds: readonly { readonly kind: string; readonly version: number }[];
  readonly leaseId: string;
  readonly leaseMs: number;
  /** Jobs of one project that run at the same time. */
  readonly projectLimit: number;
  /** Jobs that an attempt in this process still works on, lease or not. */
  readonly exclude: readonly string[];
  readonly now: () => number;
}

export interface ClaimedJob {
  readonly lease: Lease;
  readonly row: JobRow;
}

/** Is there anything to claim or to expire? A read, so that an idle poll writes nothing. */
export async function anyJobDue(catalog: Catalog, now: () => number): Promise<boolean> {
  const at = databaseTime(catalog.engine, now);
  const { rows } = await sql<{ due: number }>`
    select 1 as due where exists (select 1 from jobs where state = 'queued' and run_at <= ${at})
      or exists (select 1 from jobs where state = 'running' and lease_until < ${at})`.execute(catalog.db);
  return rows.length > 0;
}

/**
 * The oldest due job whose project runs fewer than its limit, leased to `worker`. Bytes of an
 * attempt that ended in order go with it; a checkpoint without them is none.
 */
export function claimJob(catalog: Catalog, options: ClaimOptions): Promise<ClaimedJob | undefined> {
  return catalog.write(async (tx) => {
    const { engine } = catalog;
    const at = databaseTime(engine, options.now);
    const known = sql.join(
      options.kinds.map(({ kind, version }) => sql`(kind = ${kind} and kind_version <= ${version})`),
      sql` or `,
    );
    const excluded = options.exclude.length ? sql`and id not in (${sql.join(options.exclude)})` : sql``;
    const { rows } = await sql<JobRow>`
      select * from jobs where state = 'queued' and run_at <= ${at} and (${known}) ${excluded}
        and (select count(*) from jobs r where r.project_id = jobs.project_id and r.state = 'running')
          < cast(${options.projectLimit} as integer)
      order by created_at, id limit 1 ${skipLocked(engine)}`.execute(tx);
    const row = rows[0];
    if (!row || !mayClaim(leasedJob(row))) return undefined;
    await lockProject(tx, engine, row.project_id);
    if ((await runningOf(tx, row.project_id)) >= options.projectLimit) return undefined;
    const fence = row.fence + 1;
    const checkpoint = (await adoptBytes(tx, row, fence)) ? row.checkpoint : null;
    await tx
      .updateTable('jobs')
      .set({
        state: 'running',
        fence,
        lease_id: options.leaseId,
        lease_until: sql<number>`${at} + cast(${options.leaseMs} as integer)`,
        worker: options.worker,
        started_at: sql<number>`coalesce(started_at, ${at})`,
        checkpoint,
      })
      .where('id', '=', row.id)
      .execute();
    const lease = { jobId: row.id, fence, leaseId: options.leaseId };
    return { lease, row: { ...row, state: 'running', fence, lease_id: options.leaseId, checkpoint } };
  });
}

/** Unfinished bytes change hands with the job. @returns false when the checkpoint must not be used */
async function adoptBytes(tx: Tx, row: JobRow, fence: number): Promise<boolean> {
  if (row.checkpoint === null) return false; // also where the attempt before may still write
  const blobs = await tx
    .selectFrom('blobs')
    .select(['id', 'state', 'job_id', 'fence'])
    .where('job_id', '=', row.id)
    .where('state', '=', 'writing')
    .execute();
  for (const blob of blobs) {
    const attempt = { state: blob.state, jobId: blob.job_id, fence: blob.fence };
    if (!mayResume(attempt, leasedJob(row), true)) continue;
    await tx.updateTable('blobs').set({ fence }).where('id', '=', blob.id).execute();
  }
  return true;
}

async function runningOf(tx: Tx, projectId: string): Promise<number> {
  const { count } = await tx
    .selectFrom('jobs')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('project_id', '=', projectId)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * Leases that ran out: the jobs wait again, from their start, since a worker that only lost its
 * lease may still be writing where it was.
 */
export function expireLeases(catalog: Catalog, now: () => number): Promise<number> {
  return catalog.write(async (tx) => {
    const result = await tx
      .updateTable('jobs')
      .set({ ...waiting, checkpoint: null })
      .where('state', '=', 'running')
      .where('lease_until', '<', databaseTime(catalog.engine, now))
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  });
}

/**
 * Every lease ends now and its checkpoint stays. Only for who knows that all earlier workers are
 * gone: the process that alone may open the store, at its start.
 */
export function takeLeasesOver(catalog: Catalog): Promise<number> {
  return catalog.write(async (tx) => {
    const result = await tx
      .updateTable('jobs')
      .set(waiting)
      .where('state', '=', 'running')
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  });
}

const waiting = {
  state: 'queued',
  lease_id: null,
  lease_until: null,
  worker: null,
  resumes: sql<number>`resumes + 1`,
} as const;
