import { imageSortKeys } from '@imageyard/core';
import type {
  ImageFilter,
  ImageListQuery,
  ImageSort,
  ImageSortKey,
  ImageTextAttribute,
} from '@imageyard/core';
import { allValues, lastValue } from '../../http/query.ts';
import type { Query } from '../../http/query.ts';
import { GlanceError } from './errors.ts';

const bad = (message: string): GlanceError => new GlanceError(400, message);
const MOST_ROWS = 1000;
const DEFAULT_ROWS = 25;
const listed = new Set<string>([
  'name',
  'status',
  'id',
  'container_format',
  'disk_format',
] satisfies ImageTextAttribute[]);
const integers = ['min_disk', 'min_ram', 'size'] as const;
const exact = new Set<string>([
  'checksum',
  'owner',
  'os_hash_value',
  'os_hash_algo',
] satisfies ImageTextAttribute[]);
const visibilityValues = ['private', 'shared', 'community', 'public', 'all'] as const;
const memberStatuses = ['pending', 'accepted', 'rejected', 'all'] as const;
/** Old names that never match anything on v2. */
const withoutEffect = new Set(['deleted', 'is_public']);
const paging = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'member_status']);

/**
 * The query of `GET /v2/images`. A repeated parameter other than `tag` counts once, its last value.
 * @throws {GlanceError} 400 in Glance's words; an unknown name is a property, never an error
 */
export function parseListQuery(query: Query): ImageListQuery {
  if (query['changes-since'] !== undefined)
    throw bad('The "changes-since" filter is no longer available on v2.');
  const visibility = lastValue(query, 'visibility');
  const memberStatus = lastValue(query, 'member_status') ?? 'accepted';
  const knownVisibility = visibilityValues.find((value) => value === visibility);
  const knownStatus = memberStatuses.find((value) => value === memberStatus);
  if (visibility !== undefined && !knownVisibility) throw bad(`Invalid visibility value: ${visibility}`);
  if (!knownStatus) throw bad(`Invalid status: ${memberStatus}`);
  return {
    visibility: knownVisibility,
    memberStatus: knownStatus,
    filters: Object.keys(query)
      .filter((name) => !paging.has(name))
      .flatMap((name) => filtersOf(name, query)),
    sort: parseSort(query),
    limit: parseLimit(lastValue(query, 'limit')),
    marker: lastValue(query, 'marker'),
  };
}

function filtersOf(name: string, query: Query): ImageFilter[] {
  if (name === 'tag') return allValues(query, name).map((value) => ({ kind: 'tag', values: [value] }));
  const value = lastValue(query, name) ?? '';
  if (name === 'status' && value === 'deleted') return [{ kind: 'none' }];
  if (listed.has(name))
    return [{ kind: 'anyOf', name: name as ImageTextAttribute, values: parseList(value) }];
  if (exact.has(name)) return [{ kind: 'anyOf', name: name as ImageTextAttribute, values: [value] }];
  const integer = integers.find((known) => known === name);
  if (integer)
    return [
      /^\d{1,15}$/.test(value) ? { kind: 'integer', name: integer, value: Number(value) } : { kind: 'none' },
    ];
  if (name === 'size_min' || name === 'size_max') {
    if (!/^-?\d{1,15}$/.test(value)) throw bad('Unable to filter on a range with a non-numeric value.');
    return [{ kind: 'size', bound: name === 'size_min' ? 'min' : 'max', bytes: Number(value) }];
  }
  if (name === 'created_at' || name === 'updated_at') return [parseTime(name, value)];
  if (name === 'protected' || name === 'os_hidden') return [parseFlag(name, value)];
  if (withoutEffect.has(name)) return [];
  return [{ kind: 'property', name, value }];
}

/** `x`, `eq:x` or `in:a,"b,c"`; what stands before a colon and is no operator belongs to the value. */
function parseList(text: string): string[] {
  const match = /^(eq|in|neq|ne|gt|gte|lt|lte):(.*)$/s.exec(text);
  if (!match) return [text];
  const [, operator = '', rest = ''] = match;
  if (operator === 'eq') return [rest];
  if (operator !== 'in') throw bad(`Unable to filter by unknown operator '${operator}'.`);
  const values = [...rest.matchAll(/\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)/gs)];
  return values.map((m) => m[1] ?? m[2] ?? '').filter((value) => value !== '');
}

function parseTime(name: 'created_at' | 'updated_at', text: string): ImageFilter {
  const match = /^([a-z]+):(.*)$/s.exec(text);
  const operator = match?.[1] ?? 'eq';
  const op = (['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const).find((known) => known === operator);
  if (!op) throw bad('Unable to filter on a unknown operator.');
  const ms = parseIsoTime(match ? match[2]! : text);
  if (ms === undefined) throw bad(`Bad "${name}" query filter format. Use ISO 8601 DateTime notation.`);
  return { kind: 'time', name, op, ms };
}

/** ISO 8601 date, or date and time with or without zone (UTC then). @returns milliseconds */
export function parseIsoTime(text: string): number | undefined {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/.exec(
      text.trim(),
    );
  if (!match) return undefined;
  const zone = (match[3] ?? 'Z').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const ms = Date.parse(`${match[1]}T${match[2] ?? '00:00'}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

function parseFlag(name: 'protected' | 'os_hidden', text: string): ImageFilter {
  const value = text.toLowerCase();
  if (value !== 'true' && value !== 'false')
    throw bad(`Invalid value '${text}' for '${name}' filter. Valid values are 'true' or 'false'.`);
  return { kind: 'flag', name, value: value === 'true' };
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_ROWS;
  if (!/^[+-]?\d+$/.test(text.trim())) throw bad('limit param must be an integer');
  const limit = Number(text);
  if (limit < 0) throw bad('limit param must be positive');
  return Math.min(limit, MOST_ROWS);
}

/** `sort=name:asc,size`, or `sort_key` repeated with no, one or as many `sort_dir`. */
function parseSort(query: Query): ImageSort[] {
  const keys = allValues(query, 'sort_key');
  const directions = allValues(query, 'sort_dir');
  const combined = lastValue(query, 'sort');
  if (combined !== undefined) {
    if (keys.length > 0 || directions.length > 0) throw bad('Old and new sorting syntax cannot be combined');
    return combined.split(',').map((item) => {
      const [key = '', direction = 'desc'] = item.trim().split(':', 2);
      return { key: sortKey(key), direction: sortDirection(direction) };
    });
  }
  if (keys.length === 0) keys.push('created_at');
  if (directions.length > 1 && directions.length !== keys.length)
    throw bad('Number of sort dirs does not match the number of sort keys');
  return keys.map((key, i) => ({
    key: sortKey(key),
    direction: sortDirection(directions[i] ?? directions[0] ?? 'desc'),
  }));
}

function sortKey(text: string): ImageSortKey {
  const key = imageSortKeys.find((known) => known === text);
  if (!key)
    throw bad(`Invalid sort key: ${text}. It must be one of the following: ${imageSortKeys.join(', ')}.`);
  return key;
}

function sortDirection(text: string): ImageSort['direction'] {
  if (text !== 'asc' && text !== 'desc') throw bad(`Invalid sort direction: ${text}`);
  return text;
}
