import { sql } from 'kysely';
import type { AnyDatabase, ColumnTypes, MigrationStep } from '../columns.ts';

/**
 * Images, their members, what exact filters go through (facets), and how many a project has.
 * The row with its two JSON columns is the truth. A deleted image keeps its row: its id stays taken
 * and a marker that names it stays good.
 */
export const images: MigrationStep = {
  name: 'images',
  async up(db, types) {
    await createImages(db, types);
    await createMembers(db, types);
    if (types.engine === 'postgresql') await createFacetIndexes(db);
    else await createFacetTable(db, types);
    await db.schema
      .createTable('project_usage')
      .addColumn('project', types.text, (c) => c.primaryKey())
      .addColumn('images', types.integer, (c) => c.notNull())
      .execute();
  },
};

async function createImages(db: AnyDatabase, { engine, text, integer, time, flag, json }: ColumnTypes) {
  const table = db.schema
    .createTable('images')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('owner', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('named', flag, (c) => c.notNull())
    .addColumn('status', text, (c) => c.notNull())
    .addColumn('visibility', text, (c) => c.notNull())
    .addColumn('shared_by_members', flag, (c) => c.notNull())
    .addColumn('protected', flag, (c) => c.notNull())
    .addColumn('hidden', flag, (c) => c.notNull())
    .addColumn('container_format', text, (c) => c.notNull())
    .addColumn('disk_format', text, (c) => c.notNull())
    .addColumn('disk_format_stated', flag, (c) => c.notNull())
    .addColumn('min_disk', integer, (c) => c.notNull())
    .addColumn('min_ram', integer, (c) => c.notNull())
    .addColumn('size', integer, (c) => c.notNull())
    .addColumn('virtual_size', integer)
    .addColumn('md5', text)
    .addColumn('hash_algorithm', text)
    .addColumn('hash_value', text)
    .addColumn('blob_id', text, (c) => c.references('blobs.id').onDelete('restrict'))
    .addColumn('created_at', time, (c) => c.notNull())
    .addColumn('updated_at', time, (c) => c.notNull())
    .addColumn('active_at', time)
    .addColumn('deleted_at', time)
    .addColumn('tags', json, (c) => c.notNull())
    .addColumn('properties', json, (c) => c.notNull())
    .addColumn('platform_properties', json, (c) => c.notNull());
  const facets = sql`text[] collate "C"`;
  await (engine === 'postgresql' ? table.addColumn('facets', facets, (c) => c.notNull()) : table).execute();

  // One project's list and everybody's, in each order that may be long; each read in both directions.
  // `id <> ''` is true of every image. Only lists of everybody's images say it, so that PostgreSQL never
  // walks everybody's images to find one project's (it thinks them evenly spread over time).
  for (const key of ['created_at', 'updated_at', 'name', 'size']) {
    await sql`create index ${sql.ref(`images_owner_${key}`)}
      on images (owner, ${sql.ref(key)}, id) where status <> 'deleted'`.execute(db);
    await sql`create index ${sql.ref(`images_all_${key}`)}
      on images (${sql.ref(key)}, id) where status <> 'deleted' and id <> ''`.execute(db);
  }
  for (const visibility of ['public', 'community']) {
    await sql`create index ${sql.ref(`images_${visibility}`)} on images (created_at, id)
      where visibility = ${sql.lit(visibility)} and status <> 'deleted'`.execute(db);
  }
  await sql`create index images_deleted on images (owner, created_at, id) where status = 'deleted'`.execute(
    db,
  );
  await sql`create index images_blob on images (blob_id) where blob_id is not null`.execute(db);
}

async function createMembers(db: AnyDatabase, { text, time }: ColumnTypes) {
  await db.schema
    .createTable('image_members')
    .addColumn('image_id', text, (c) => c.notNull().references('images.id').onDelete('cascade'))
    .addColumn('member', text, (c) => c.notNull())
    .addColumn('status', text, (c) => c.notNull())
    .addColumn('image_created_at', time, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .addColumn('updated_at', time, (c) => c.notNull())
    .addPrimaryKeyConstraint('image_members_key', ['image_id', 'member'])
    .execute();
  await db.schema
    .createIndex('image_members_list')
    .on('image_members')
    .columns(['member', 'status', 'image_created_at', 'image_id'])
    .execute();
}

/** Owner and facets in one index: a rare value of one project is found without reading the others. */
async function createFacetIndexes(db: AnyDatabase) {
  await sql`create extension if not exists btree_gin`.execute(db);
  await sql`alter table images alter column facets set statistics 1000`.execute(db);
  // Without a pending list, which every search would have to read through.
  await sql`create index images_facets on images using gin (owner, facets)
    with (fastupdate = off)`.execute(db);
  await sql`create index images_public_facets on images using gin (facets)
    with (fastupdate = off) where visibility = 'public' and status <> 'deleted'`.execute(db);
}

/** One row per image, facet and scope (its owner, everybody, the public ones), each walked in order of time. */
async function createFacetTable(db: AnyDatabase, { text, time }: ColumnTypes) {
  await db.schema
    .createTable('image_facets')
    .addColumn('scope', text, (c) => c.notNull())
    .addColumn('facet', text, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .addColumn('image_id', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('image_facets_key', ['scope', 'facet', 'created_at', 'image_id'])
    .modifyEnd(sql`without rowid`)
    .execute();
}
