import type { Database } from './database.ts';

/** Images that wait for data which no unfinished job brings. */
export async function savingWithoutJob(db: Database, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('images')
    .select('id')
    .where('status', '=', 'saving')
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('jobs')
            .select('jobs.id')
            .whereRef('jobs.image_id', '=', 'images.id')
            .where('jobs.state', 'in', ['queued', 'running']),
        ),
      ),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}
