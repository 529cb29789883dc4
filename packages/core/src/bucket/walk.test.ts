import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from './key-order.ts';
import type { ListQuery } from './types.ts';
import { walkKeys } from './walk.ts';

/** Rows in a sorted array, and how often and for how many rows they were asked. */
function rowsOf(keys: readonly string[]) {
  const sorted = keys.toSorted(compareKeys).map((key) => ({ key }));
  const asked = { queries: 0, rows: 0 };
  const fetch: Parameters<typeof walkKeys<{ key: string }>>[1] = (bounds) => {
    const found = sorted.filter(({ key }) => {
      const order = compareKeys(key, bounds.from);
      if (order < 0 || (order === 0 && !bounds.inclusive)) return false;
      return bounds.below === undefined || compareKeys(key, bounds.below) < 0;
    });
    const rows = found.slice(0, bounds.limit);
    asked.queries += 1;
    asked.rows += rows.length;
    return Promise.resolve(rows);
  };
  return { fetch, asked };
}

const all: ListQuery = { prefix: '', delimiter: '', after: '', limit: 1000 };

async function list(keys: readonly string[], query: Partial<ListQuery>) {
  const { fetch, asked } = rowsOf(keys);
  const page = await walkKeys({ ...all, ...query }, fetch);
  return {
    names: page.entries.map((entry) => entry.item?.key ?? `${entry.prefix}*`),
    isTruncated: page.isTruncated,
    asked,
  };
}

test('keys and common prefixes are merged in order and both count', async () => {
  const keys = ['a', 'b/1', 'b/2', 'c', 'd/x/1'];
  assert.deepEqual((await list(keys, { delimiter: '/' })).names, ['a', 'b/*', 'c', 'd/*']);
  const page = await list(keys, { delimiter: '/', limit: 2 });
  assert.deepEqual([page.names, page.isTruncated], [['a', 'b/*'], true]);
});

test('a marker that is a common prefix skips all of it; another one within it does not', async () => {
  const keys = ['a', 'b/1', 'b/2', 'c'];
  assert.deepEqual((await list(keys, { delimiter: '/', after: 'b/' })).names, ['c']);
  assert.deepEqual((await list(keys, { delimiter: '/', after: 'b/1' })).names, ['b/*', 'c']);
});

test('what lies under a common prefix is not read', async () => {
  const keys = ['x/'].concat(Array.from({ length: 50_000 }, (_, i) => `a/${i}`));
  const { names, asked } = await list(keys, { delimiter: '/' });
  assert.deepEqual(names, ['a/*', 'x/*']);
  assert.ok(asked.rows < 200, `${asked.rows} rows were read`);
});

test('a page of nothing is not truncated and asks nothing', async () => {
  const { names, isTruncated, asked } = await list(['a'], { limit: 0 });
  assert.deepEqual([names, isTruncated, asked.queries], [[], false, 0]);
});

test('pages put together are the list, whatever their size, prefix and delimiter', async () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '-', 'é', '\u{1f600}', '\uffff'),
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 60 }),
      fc.constantFrom('', 'a', 'a/', 'b', '\u{1f600}'),
      fc.constantFrom('', '/', '-', 'b/', 'a'),
      fc.integer({ min: 1, max: 7 }),
      async (keys, prefix, delimiter, limit) => {
        // The definition, by a scan.
        const expected: string[] = [];
        for (const name of keys.filter((k) => k.startsWith(prefix)).sort(compareKeys)) {
          const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
          const shown = at < 0 ? name : `${name.slice(0, at + delimiter.length)}*`;
          if (expected.at(-1) !== shown) expected.push(shown);
        }
        const found: string[] = [];
        let after = '';
        for (let turn = 0; turn <= keys.length + 1; turn += 1) {
          const page = await list(keys, { prefix, delimiter, limit, after });
          found.push(...page.names);
          if (!page.isTruncated) break;
          after = page.names.at(-1)!.replace(/\*$/, '');
        }
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 500 },
  );
});
