import { sql } from 'kysely';
import type { MigrationStep } from '../columns.ts';

/** Work that outlives a request: a record with a lease, a fence and a checkpoint. */
export const jobs: MigrationStep = {
  name: 'jobs',
  async up(db, { text, integer, time, json }) {
    await db.schema
      .createTable('jobs')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('project_id', text, (c) => c.notNull())
      .addColumn('kind', text, (c) => c.notNull())
      .addColumn('kind_version', integer, (c) => c.notNull())
      .addColumn('state', text, (c) => c.notNull()) // queued, running, done, failed
      .addColumn('image_id', text) // no foreign key: a job outlives its image
      .addColumn('source_blob_id', text, (c) => c.references('blobs.id').onDelete('restrict'))
      .addColumn('created_at', time, (c) => c.notNull())
      .addColumn('run_at', time, (c) => c.notNull())
      .addColumn('started_at', time)
      .addColumn('ended_at', time)
      .addColumn('fence', integer, (c) => c.notNull().defaultTo(0)) // grows with each claim
      .addColumn('lease_id', text) // random: a counter may repeat after a failover
      .addColumn('lease_until', time)
      .addColumn('worker', text)
      .addColumn('resumes', integer, (c) => c.notNull().defaultTo(0))
      .addColumn('input', json, (c) => c.notNull())
      .addColumn('checkpoint', json)
      .addColumn('progress', json)
      .addColumn('error_kind', text)
      .addColumn('error_message', text)
      .addColumn('error_facts', json)
      .execute();
    await sql`create index jobs_due on jobs (created_at, id) where state = 'queued'`.execute(db);
    await sql`create index jobs_leased on jobs (lease_until) where state = 'running'`.execute(db);
    await sql`create index jobs_unfinished on jobs (project_id, state) where state in ('queued', 'running')`.execute(
      db,
    );
    await sql`create index jobs_of_image on jobs (image_id) where state in ('queued', 'running')`.execute(db);
    await sql`create index jobs_finished on jobs (ended_at) where state in ('done', 'failed')`.execute(db);
    await sql`create index jobs_source on jobs (source_blob_id) where source_blob_id is not null`.execute(db);
  },
};
