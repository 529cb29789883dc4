import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import type { Catalog, ImageListQuery, Images } from '@imageyard/core';
import { forEachEngine } from './engines.ts';
import { modelList } from './images-model.ts';
import type { Model } from './images-model.ts';
import { build, plans, projects, queries } from './images-random.ts';
import { actorOf } from './people.ts';

const actors = [
  ...projects.map((project) => actorOf(project)),
  actorOf('p9'),
  actorOf(undefined),
  actorOf('p1', { admin: true }),
  actorOf(undefined, { admin: true }),
];
const [catalogues, listsEach] = [6, 40];

/** As many pages as there are images: more would be a loop. */
async function walk(
  images: Images,
  actor: (typeof actors)[number],
  query: ImageListQuery,
  most: number,
): Promise<string[]> {
  const seen: string[] = [];
  for (let pages = 0; pages <= most; pages++) {
    const marker = seen.at(-1) ?? query.marker;
    const page = await images.list(actor, marker === undefined ? query : { ...query, marker });
    if (page.images.length === 0) return seen;
    seen.push(...page.images.map(({ id }) => id));
  }
  throw new Error('the pages do not end');
}

async function empty(catalog: Catalog): Promise<void> {
  await catalog.write(async (tx) => {
    for (const table of ['image_members', 'images', 'project_usage', 'blobs'] as const)
      await tx.deleteFrom(table).execute();
    if (catalog.engine === 'sqlite') await tx.deleteFrom('image_facets').execute();
  });
}

forEachEngine('lists of images', (openCatalog) => {
  let catalog: Catalog;
  before(async () => {
    catalog = await openCatalog();
  });

  test('any list of any caller, read page by page, is what a plain filter and sort give', async () => {
    await fc.assert(
      fc.asyncProperty(
        plans,
        fc.array(fc.tuple(fc.constantFrom(...actors), queries), {
          minLength: listsEach,
          maxLength: listsEach,
        }),
        async (planned, lists) => {
          await empty(catalog);
          const { images, model } = await build(catalog, planned);
          for (const [actor, query] of lists) await compareLists(images, model, actor, query);
        },
      ),
      { numRuns: catalogues, endOnFailure: true },
    );
  });

  test('ids are looked up under the same rules', async () => {
    await empty(catalog);
    const planned = fc.sample(plans, { seed: 7, numRuns: 1 }).flat();
    const { images, model } = await build(catalog, planned);
    for (const actor of actors) {
      for (const { id } of model.images) {
        const filters = [{ kind: 'anyOf', name: 'id', values: [id.toUpperCase(), id, 'nope'] }] as const;
        const query = { filters, limit: 10, visibility: 'all', memberStatus: 'all' } as const;
        const { images: found } = await images.list(actor, query);
        assert.deepEqual(
          found.map((image) => image.id),
          modelList(model, actor, query),
        );
      }
    }
  });

  test('a list goes on behind any image that the caller may see, and behind no other', async () => {
    await empty(catalog);
    const planned = fc.sample(plans, { seed: 11, numRuns: 1 }).flat();
    const { images, model } = await build(catalog, planned);
    for (const actor of actors) {
      for (const [index, { id }] of model.images.entries()) {
        const sort = fc.sample(queries, { seed: index, numRuns: 1 })[0]!.sort ?? [];
        const query: ImageListQuery = { sort, limit: 5, marker: id, visibility: 'all' };
        if (mayMark(model, actor, id)) await compareLists(images, model, actor, query);
        else
          await assert.rejects(images.list(actor, query), {
            kind: 'image-marker-unknown',
            facts: { imageId: id, marker: id },
          });
      }
    }
  });

  test('what facets are kept for is there, and nothing else', async () => {
    if (catalog.engine === 'postgresql') return; // there they are a column of the row
    const { rows } = await sql<{ scope: string; n: number }>`
      select count(*) as n from image_facets as f
      left join images as i on i.id = f.image_id and i.created_at = f.created_at
      where i.id is null or f.scope not in (i.owner, '*', '*' || i.visibility)
        or (i.status = 'deleted') <> (f.facet like 'd%')`.execute(catalog.db);
    assert.equal(rows[0]!.n, 0);
  });
});

function mayMark({ images, members }: Model, actor: (typeof actors)[number], id: string): boolean {
  const image = images.find((one) => one.id === id)!;
  const isOpen = image.visibility === 'public' || image.visibility === 'community';
  const isMember = image.visibility === 'shared' && members.get(id)?.has(actor.projectId ?? '') === true;
  return actor.isAdmin || image.owner === actor.projectId || isOpen || isMember;
}

async function compareLists(
  images: Images,
  model: Model,
  actor: (typeof actors)[number],
  query: ImageListQuery,
): Promise<void> {
  const expected = modelList(model, actor, { ...query, limit: 1000 });
  assert.deepEqual(await walk(images, actor, query, model.images.length), expected, JSON.stringify(query));
}
