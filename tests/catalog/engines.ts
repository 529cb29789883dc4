import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { migrate, openPostgresql, openSqlite } from '@imageyard/core';
import type { Catalog, Engine } from '@imageyard/core';
import { findPostgres, freshDatabase } from './postgres.ts';

/** Opens a new, migrated, empty catalogue; closed and removed after the suite. */
export type OpenCatalog = () => Promise<Catalog>;

/**
 * Define the same suite once for each engine. `define` runs inside a `describe`, so it may call
 * `test`, `before` and the like, and opens as many catalogues as it wants.
 *
 * Without PostgreSQL its half is skipped with the reason, or fails where `CI` is set.
 */
export function forEachEngine(
  title: string,
  define: (openCatalog: OpenCatalog, engine: Engine) => void,
): void {
  describe(`${title} (sqlite)`, () => define(opener(temporarySqlite), 'sqlite'));
  const found = findPostgres();
  const missing = 'missing' in found && !process.env['IMAGEYARD_TEST_POSTGRES'] ? found.missing : undefined;
  if (missing && process.env['CI']) throw new Error(missing);
  describe(`${title} (postgresql)`, { skip: missing ?? false }, () => {
    define(opener(temporaryPostgresql), 'postgresql');
  });
}

type Temporary = { catalog: Catalog; remove(): Promise<void> };

function opener(create: () => Promise<Temporary>): OpenCatalog {
  const opened: Temporary[] = [];
  after(async () => {
    for (const { catalog, remove } of opened) {
      await catalog.close();
      await remove();
    }
  });
  return async () => {
    const made = await create();
    opened.push(made);
    return made.catalog;
  };
}

async function temporarySqlite(): Promise<Temporary> {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-catalog-'));
  const catalog = openSqlite(join(folder, 'catalog.db'));
  await migrate(catalog);
  return { catalog, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Migrated once for the process; every catalogue is a copy of it. */
let template: Promise<string> | undefined;

async function migratedTemplate(): Promise<string> {
  const { url, name } = await freshDatabase();
  const catalog = await openPostgresql(url, { poolSize: 2 });
  await migrate(catalog);
  await catalog.close();
  return name;
}

async function temporaryPostgresql(): Promise<Temporary> {
  template ??= migratedTemplate();
  const { url } = await freshDatabase(await template);
  return { catalog: await openPostgresql(url, { poolSize: 5 }), remove: () => Promise.resolve() };
}
