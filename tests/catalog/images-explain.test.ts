import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Actor, Catalog, ImageListQuery } from '@imageyard/core';
import { imagesQuery } from '../../packages/core/src/catalog/images-list.ts';
import { imagePage } from '../../packages/core/src/image/list.ts';
import { fillCatalog, madeTags, projectName } from '../../bench/catalog-data.ts';
import { forEachEngine } from './engines.ts';
import { queries } from './images-random.ts';
import { actorOf } from './people.ts';

const [largest, admin] = [actorOf(projectName(0)), actorOf('operator', { admin: true })];

/** Steps of a plan that walk a whole table or index without having looked something up in it. */
function walks(engine: Catalog['engine'], lines: readonly string[]): string[] {
  if (engine === 'postgresql') return lines.filter((line) => /Seq Scan on/.test(line));
  // In order, until the page is full: every image, the public ones. `k` and `b…` are the page itself.
  const inOrder = /^SCAN (k|b\d+|i USING INDEX images_(all_\w+|public|community))$/;
  return lines.filter((line) => line.startsWith('SCAN') && !inOrder.test(line));
}

forEachEngine('plans of lists', (openCatalog, engine) => {
  let catalog: Catalog;
  before(async () => {
    catalog = await openCatalog();
    await fillCatalog(catalog, { images: 2000, projects: 20 });
    if (engine === 'postgresql') await sql`analyze`.execute(catalog.schema);
  });

  async function explain(query: RawBuilder<unknown>): Promise<string[]> {
    if (engine === 'sqlite') {
      const { rows } = await sql<{ detail: string }>`explain query plan ${query}`.execute(catalog.db);
      return rows.map(({ detail }) => detail);
    }
    // Small tables are best read whole; without that choice, only what has no index is.
    return catalog.schema.transaction().execute(async (tx) => {
      await sql`set local enable_seqscan = off`.execute(tx);
      const { rows } = await sql<{ 'QUERY PLAN': string }>`explain ${query}`.execute(tx);
      return rows.map((row) => row['QUERY PLAN']);
    });
  }

  async function planOf(actor: Actor, query: ImageListQuery): Promise<string[]> {
    const page = imagePage(actor, query, undefined);
    const statement = page && (await imagesQuery(catalog, page));
    return statement ? explain(statement) : [];
  }

  test('no list of anybody reads a whole table', async () => {
    for (const query of fc.sample(queries, { seed: 3, numRuns: 120 })) {
      for (const actor of [largest, admin]) {
        const plan = await planOf(actor, query);
        assert.deepEqual(walks(engine, plan), [], `${JSON.stringify(query)}\n${plan.join('\n')}`);
      }
    }
  });

  test('the check finds a query that does', async () => {
    const plan = await explain(sql`select id from images where hash_value = 'x'`);
    assert.notDeepEqual(walks(engine, plan), []);
  });

  test('each branch of a plain list has an index of its own', async () => {
    const plan = (await planOf(largest, { limit: 25 })).join('\n');
    for (const index of ['images_owner_created_at', 'images_public', 'image_members_list'])
      assert.match(plan, new RegExp(`\\b${index}\\b`), plan);
    assert.match((await planOf(admin, { limit: 25 })).join('\n'), /images_all_created_at/);
  });

  test('a rare facet is looked up, whoever asks and in whatever order', async () => {
    const filters = [{ kind: 'tag', values: [madeTags.rare] }] as const;
    const lookup =
      engine === 'sqlite' ? /SEARCH f USING PRIMARY KEY/ : /Bitmap Index Scan on images_(public_)?facets/;
    for (const actor of [largest, admin]) {
      for (const key of ['created_at', 'name'] as const) {
        const plan = await planOf(actor, { filters, limit: 25, sort: [{ key, direction: 'asc' }] });
        assert.match(plan.join('\n'), lookup);
      }
    }
  });
});
