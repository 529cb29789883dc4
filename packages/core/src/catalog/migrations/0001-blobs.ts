import { sql } from 'kysely';
import type { MigrationStep } from '../columns.ts';

/** Immutable runs of bytes, who is writing them, and which are to go (docs/adr: bytes). */
export const blobs: MigrationStep = {
  name: 'blobs',
  async up(db, { text, integer, time, json }) {
    await db.schema
      .createTable('blobs')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('state', text, (c) => c.notNull()) // writing, live
      .addColumn('kind', text, (c) => c.notNull()) // whole, parts
      .addColumn('size', integer, (c) => c.notNull())
      .addColumn('md5', text)
      .addColumn('sha256', text)
      .addColumn('sha512', text)
      .addColumn('format', text) // as inspected; null until somebody looked
      .addColumn('virtual_size', integer)
      .addColumn('report', json) // findings of the inspection
      .addColumn('job_id', text) // the attempt that writes it
      .addColumn('fence', integer)
      .addColumn('writer', text) // the process that writes it, when no job does
      .addColumn('created_at', time, (c) => c.notNull())
      .execute();
    await sql`create index blobs_writing on blobs (job_id) where state = 'writing'`.execute(db);
    await db.schema
      .createTable('blob_parts')
      .addColumn('blob_id', text, (c) => c.notNull().references('blobs.id').onDelete('cascade'))
      .addColumn('ordinal', integer, (c) => c.notNull())
      .addColumn('part_blob_id', text, (c) => c.notNull().references('blobs.id').onDelete('restrict'))
      .addColumn('start', integer, (c) => c.notNull()) // byte offset in the whole
      .addColumn('size', integer, (c) => c.notNull())
      .addPrimaryKeyConstraint('blob_parts_key', ['blob_id', 'ordinal'])
      .execute();
    await db.schema.createIndex('blob_parts_part').on('blob_parts').column('part_blob_id').execute();
    await db.schema
      .createTable('doomed_blobs')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('at', time, (c) => c.notNull())
      .execute();
  },
};
