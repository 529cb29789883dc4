import type { KeyBounds } from '../catalog/buckets-objects.ts';
import { afterPrefix, compareKeys } from './key-order.ts';
import type { ListQuery, Page } from './types.ts';

interface Keyed {
  readonly key: string;
  /** Orders rows of one key. */
  readonly id?: string;
}

const smallestBatch = 16;

/** The part of `key` up to and with the first delimiter behind `prefix`. */
function commonPrefix(key: string, { prefix, delimiter }: ListQuery): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

type Position = Pick<KeyBounds, 'from' | 'inclusive' | 'afterId'>;

function startOf(query: ListQuery & { afterId?: string }): Position | undefined {
  const { prefix, after } = query;
  if (compareKeys(after, prefix) < 0 || after === '') return { from: prefix, inclusive: true, afterId: '' };
  if (after.startsWith(prefix) && commonPrefix(after, query) === after) {
    const next = afterPrefix(after);
    return next === undefined ? undefined : { from: next, inclusive: true, afterId: '' };
  }
  return { from: after, inclusive: false, afterId: query.afterId ?? '\u{10ffff}' };
}

/**
 * One page of a listing. What lies under a common prefix is skipped by asking for the rows behind
 * it, so a page costs at most one query more than it has prefixes, whatever lies under them.
 * @param fetch rows in key order within the bounds; fewer than `limit` means there are no more
 */
export async function walkKeys<Row extends Keyed>(
  query: ListQuery & { afterId?: string },
  fetch: (bounds: KeyBounds) => Promise<readonly Row[]>,
): Promise<Page<Row>> {
  const entries: Page<Row>['entries'][number][] = [];
  const below = query.prefix === '' ? undefined : afterPrefix(query.prefix);
  let position = query.limit === 0 ? undefined : startOf(query);
  let limit = query.delimiter === '' ? query.limit + 1 : Math.min(64, query.limit + 1);
  let skipped: string | undefined;
  while (position !== undefined) {
    const rows = await fetch({ ...position, below, limit });
    for (const row of rows) {
      if (skipped !== undefined && row.key.startsWith(skipped)) continue;
      if (entries.length === query.limit) return { entries, isTruncated: true };
      skipped = commonPrefix(row.key, query);
      entries.push(skipped === undefined ? { item: row } : { prefix: skipped });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) break;
    if (skipped === undefined) {
      position = { from: last.key, inclusive: false, afterId: last.id ?? '' };
      limit = Math.min(limit * 2, query.limit + 1);
    } else {
      const next = afterPrefix(skipped);
      position = next === undefined ? undefined : { from: next, inclusive: true, afterId: '' };
      limit = Math.min(smallestBatch, query.limit + 1);
    }
  }
  return { entries, isTruncated: false };
}
