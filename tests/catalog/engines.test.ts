import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { migrate } from '@imageyard/core';
import { forEachEngine } from './engines.ts';

forEachEngine('catalogue', (openCatalog, engine) => {
  test('a new catalogue is migrated, and migrating again does nothing', async () => {
    const catalog = await openCatalog();
    assert.equal(catalog.engine, engine);
    assert.deepEqual(await migrate(catalog), []);
  });

  test('two catalogues of a suite share nothing', async () => {
    const [first, second] = [await openCatalog(), await openCatalog()];
    await first.write(async (tx) => {
      await tx.insertInto('doomed_blobs').values({ id: 'a', at: 1 }).execute();
    });
    assert.equal((await second.db.selectFrom('doomed_blobs').selectAll().execute()).length, 0);
    assert.equal((await first.db.selectFrom('doomed_blobs').selectAll().execute()).length, 1);
  });

  test('counts and 64-bit integers are numbers', async () => {
    const catalog = await openCatalog();
    const at = Number.MAX_SAFE_INTEGER;
    await catalog.write((tx) => tx.insertInto('doomed_blobs').values({ id: 'a', at }).execute());
    const { rows } = await sql<{ n: number; at: number }>`
      select count(*) as n, max(at) as at from doomed_blobs`.execute(catalog.db);
    assert.deepEqual({ ...rows[0] }, { n: 1, at });
  });
});
