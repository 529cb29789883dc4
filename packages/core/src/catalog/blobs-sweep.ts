import { sql } from 'kysely';
import { isAttemptOver } from '../job/guards.ts';
import type { Catalog, Database, Engine, Tx } from './database.ts';
import type { BlobId } from './blobs.ts';
import { leasedJob } from './jobs.ts';
import { lockJob } from './jobs-lock.ts';

/** The engine refused to delete a row that others refer to. */
export function isForeignKeyViolation(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  // SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_TRIGGER (how RESTRICT reports); SQLSTATE 23503, 23001.
  return errcode === 787 || errcode === 1811 || code === '23503' || code === '23001';
}

export interface StaleBlob {
  readonly id: BlobId;
  readonly jobId: string | null;
  readonly fence: number | null;
  readonly writer: string | null;
}

/**
 * Rows still `writing` whose attempt is over: no unfinished job has their fence, or the process
 * that received them is not this one.
 * @param writer this process
 */
export async function staleWritingBlobs(db: Database, writer: string, limit: number): Promise<StaleBlob[]> {
  const rows = await db
    .selectFrom('blobs')
    .select(['id', 'job_id', 'fence', 'writer'])
    .where('state', '=', 'writing')
    .where((where) =>
      where.or([
        where.and([where('job_id', 'is', null), where('writer', '!=', writer)]),
        where.and([
          where('job_id', 'is not', null),
          where.not(
            where.exists(
              where
                .selectFrom('jobs')
                .select('jobs.id')
                .whereRef('jobs.id', '=', 'blobs.job_id')
                .whereRef('jobs.fence', '=', 'blobs.fence')
                .where('jobs.state', 'in', ['queued', 'running']),
            ),
          ),
        ]),
      ]),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ id: row.id, jobId: row.job_id, fence: row.fence, writer: row.writer }));
}

/** Forget an attempt's blob, if that attempt is over. @returns whether its bytes may go now */
export async function doomStaleBlob(tx: Tx, engine: Engine, blob: StaleBlob, now: number): Promise<boolean> {
  if (blob.jobId !== null) {
    const job = await lockJob(tx, engine, blob.jobId);
    const attempt = { state: 'writing', jobId: blob.jobId, fence: blob.fence } as const;
    if (!isAttemptOver(attempt, job && leasedJob(job))) return false;
  }
  const gone = await tx
    .deleteFrom('blobs')
    .where('id', '=', blob.id)
    .where('state', '=', 'writing')
    .where('job_id', blob.jobId === null ? 'is' : '=', blob.jobId)
    .where('fence', blob.fence === null ? 'is' : '=', blob.fence)
    .where('writer', blob.writer === null ? 'is' : '=', blob.writer)
    .executeTakeFirst();
  if (Number(gone.numDeletedRows) !== 1) return false;
  await tx
    .insertInto('doomed_blobs')
    .values({ id: blob.id, at: now })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return true;
}

/** Blobs whose bytes may go: doomed at or before `until`, oldest first, after the pair given. */
export function doomedBlobs(
  db: Database,
  until: number,
  limit: number,
  after: { readonly at: number; readonly id: BlobId } = { at: -1, id: '' },
): Promise<{ id: BlobId; at: number }[]> {
  return db
    .selectFrom('doomed_blobs')
    .selectAll()
    .where('at', '<=', until)
    .where((where) =>
      where.or([
        where('at', '>', after.at),
        where.and([where('at', '=', after.at), where('id', '>', after.id)]),
      ]),
    )
    .orderBy('at')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** The bytes are gone. */
export async function forgetDoomedBlob(tx: Tx, id: BlobId): Promise<void> {
  await tx.deleteFrom('doomed_blobs').where('id', '=', id).execute();
}

interface Reference {
  readonly table: string;
  readonly column: string;
}

/** Every column of the schema that refers to a blob, as the schema itself says. */
export async function blobReferences(catalog: Catalog): Promise<Reference[]> {
  const query =
    catalog.engine === 'sqlite'
      ? sql<{ child: string; field: string }>`
          select m.name as child, f."from" as field
          from sqlite_master m join pragma_foreign_key_list(m.name) f
          where m.type = 'table' and f."table" = 'blobs'`
      : sql<{ child: string; field: string }>`
          select c.conrelid::regclass::text as child, a.attname as field
          from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
          where c.contype = 'f' and c.confrelid = 'blobs'::regclass`;
  const { rows } = await query.execute(catalog.db);
  // A parts blob's own list does not keep the parts blob itself.
  return rows
    .map((row) => ({ table: row.child, column: row.field }))
    .filter((reference) => !(reference.table === 'blob_parts' && reference.column === 'blob_id'));
}

/**
 * One page of live blobs that nobody refers to and that this process did not receive: what a
 * crash between "bytes are durable" and "somebody refers" leaves.
 * @returns their ids, and the last id looked at (undefined at the end)
 */
export async function unreferencedBlobs(
  catalog: Catalog,
  references: readonly Reference[],
  writer: string,
  after: BlobId,
  limit: number,
): Promise<{ ids: BlobId[]; last: BlobId | undefined }> {
  const page = await catalog.db
    .selectFrom('blobs')
    .select('id')
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute();
  const last = page.at(-1)?.id;
  if (last === undefined) return { ids: [], last };
  const nobody = references.map(
    ({ table, column }) =>
      sql`not exists (select 1 from ${sql.table(table)} r where r.${sql.ref(column)} = b.id)`,
  );
  const { rows } = await sql<{ id: BlobId }>`
    select b.id as id from blobs b
    where b.id > ${after} and b.id <= ${last} and b.state = 'live'
      and (b.writer is null or b.writer <> ${writer})
      ${nobody.length ? sql`and ${sql.join(nobody, sql` and `)}` : sql``}`.execute(catalog.db);
  return { ids: rows.map((row) => row.id), last: page.length < limit ? undefined : last };
}
