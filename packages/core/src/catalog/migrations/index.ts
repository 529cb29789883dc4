import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migration } from 'kysely/migration';
import { columnTypes } from '../columns.ts';
import type { MigrationStep } from '../columns.ts';
import type { Catalog } from '../database.ts';
import { blobs } from './0001-blobs.ts';
import { identity } from './0002-identity.ts';
import { images } from './0003-images.ts';
import { buckets } from './0004-buckets.ts';
import { jobs } from './0005-jobs.ts';

/** Forward only, in this order; a released step never changes. */
const steps: readonly MigrationStep[] = [blobs, identity, images, buckets, jobs];

/** Bring the schema up to date. @returns the names of the steps that ran */
export async function migrate(catalog: Catalog): Promise<string[]> {
  const types = columnTypes(catalog.engine);
  const migrations: Record<string, Migration> = {};
  steps.forEach((step, index) => {
    const key = `${String(index + 1).padStart(4, '0')}-${step.name}`;
    migrations[key] = { up: (db) => step.up(db, types) };
  });
  const migrator = new Migrator({
    db: catalog.schema,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error) throw error;
  if (catalog.engine === 'postgresql' && results?.length) await sql`analyze`.execute(catalog.schema);
  return (results ?? []).map((result) => result.migrationName);
}
