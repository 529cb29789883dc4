import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Engine, Tx } from './database.ts';
import type { JobRow } from './tables/jobs.ts';

/*
 * Where the two engines differ for jobs, all of it: SQLite has one writer and needs no locks,
 * PostgreSQL locks rows, and tells the time to all its workers.
 */

/** One job, kept from changing until the transaction ends. */
export async function lockJob(tx: Tx, engine: Engine, id: string): Promise<JobRow | undefined> {
  const query = tx.selectFrom('jobs').selectAll().where('id', '=', id);
  return (engine === 'postgresql' ? query.forUpdate() : query).executeTakeFirst();
}

/** Make counts of a project's jobs hold until the transaction ends. */
export async function lockProject(tx: Tx, engine: Engine, projectId: string): Promise<void> {
  if (engine === 'sqlite') return;
  // Not "for update": rows that refer to the project stay insertable.
  await sql`select 1 from projects where id = ${projectId} for no key update`.execute(tx);
}

/** Pass over rows that another claim holds. */
export function skipLocked(engine: Engine): RawBuilder<unknown> {
  return engine === 'postgresql' ? sql`for update skip locked` : sql``;
}

/** The database's clock in milliseconds; the embedded one has the process's. */
export function databaseTime(engine: Engine, now: () => number): RawBuilder<number> {
  return engine === 'postgresql'
    ? sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`
    : sql<number>`${now()}`;
}
