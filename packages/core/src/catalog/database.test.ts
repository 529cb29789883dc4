import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { openSqlite } from './database.ts';
import type { Catalog } from './database.ts';
import { migrate } from './migrations/index.ts';

describe('embedded database', () => {
  let folder: string;
  let catalog: Catalog;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'imageyard-sqlite-'));
    catalog = openSqlite(join(folder, 'catalog.db'));
    await migrate(catalog);
  });
  after(async () => {
    await catalog.close();
    await rm(folder, { recursive: true });
  });
  const ids = async (): Promise<string[]> =>
    (await catalog.db.selectFrom('doomed_blobs').select('id').orderBy('id').execute()).map((row) => row.id);

  test('a read does not wait for an open transaction and sees only what has committed', async () => {
    let seen: string[] | undefined;
    await catalog.write(async (tx) => {
      await tx.insertInto('doomed_blobs').values({ id: 'inside', at: 1 }).execute();
      seen = await ids();
    });
    assert.deepEqual(seen, []);
    assert.deepEqual(await ids(), ['inside']);
  });

  test('transactions come one after the other, each as a whole', async () => {
    const increment = (): Promise<void> =>
      catalog.write(async (tx) => {
        const { at } = await tx.selectFrom('doomed_blobs').select('at').executeTakeFirstOrThrow();
        await new Promise(setImmediate);
        await tx
          .updateTable('doomed_blobs')
          .set({ at: at + 1 })
          .execute();
      });
    await Promise.all([increment(), increment(), increment()]);
    const row = await catalog.db.selectFrom('doomed_blobs').select('at').executeTakeFirstOrThrow();
    assert.equal(row.at, 4);
  });

  test('a transaction that throws leaves nothing, and the next one works', async () => {
    await assert.rejects(
      catalog.write(async (tx) => {
        await tx.insertInto('doomed_blobs').values({ id: 'lost', at: 1 }).execute();
        throw new Error('no');
      }),
      /no/,
    );
    assert.deepEqual(await ids(), ['inside']);
    await catalog.write((tx) => tx.deleteFrom('doomed_blobs').execute());
    assert.deepEqual(await ids(), []);
  });

  test('writing outside of a transaction is refused', async () => {
    await assert.rejects(
      catalog.db.insertInto('doomed_blobs').values({ id: 'x', at: 1 }).execute(),
      /readonly/,
    );
  });

  test('a second writer waits at the start, so that a transaction which reads first never fails', async () => {
    const other = openSqlite(join(folder, 'catalog.db'));
    try {
      await other.write(async (tx) => {
        await tx.selectFrom('doomed_blobs').selectAll().execute();
        // The lock is already taken, although nothing has been written.
        await assert.rejects(sql`begin immediate`.execute(catalog.schema), /locked/);
      });
    } finally {
      await other.close();
    }
  });

  test('closing a catalogue that was never used closes its files', async () => {
    const unused = openSqlite(join(folder, 'unused.db'));
    await unused.close();
    await assert.rejects(async () => sql`select 1`.execute(unused.db));
  });
});
