import { imageSortKeys } from '@imageyard/core';
import type {
  ImageFilter,
  ImageListQuery,
  ImageSort,
  ImageTextAttribute,
  MemberStatus,
} from '@imageyard/core';
import { allValues, lastValue } from '../../http/query.ts';
import type { Query } from '../../http/query.ts';
import { parseIsoTime } from '../glance/list-query.ts';
import { ImsError } from './errors.ts';

const DEFAULT_ROWS = 500;
const MOST_ROWS = 1000;
/** No image matches. */
const none: ImageFilter[] = [{ kind: 'none' }];
/** Every image matches. */
const every: ImageFilter[] = [];

const visibilities = ['public', 'private', 'shared', 'community'] as const;
type ListedVisibility = (typeof visibilities)[number];
const visibilityOfType: Readonly<Record<string, ListedVisibility>> = {
  gold: 'public',
  private: 'private',
  shared: 'shared',
};
const texts = ['name', 'id', 'owner', 'container_format', 'disk_format', 'status'] as const;
const memberStatuses = ['accepted', 'rejected', 'pending'] as const satisfies readonly MemberStatus[];

const bad = (detail: string): ImsError => new ImsError('IMG.0001', detail);

/**
 * The query of `GET /v2/cloudimages`. Unknown `__*` names filter on that attribute, other unknown
 * names are ignored.
 * @throws {ImsError} IMG.0001
 */
export function parseImsListQuery(query: Query): ImageListQuery {
  const visibility = visibilityOf(query);
  const filters = Object.keys(query).flatMap((name) => filtersOf(name, query));
  return {
    visibility: visibility === 'none' ? undefined : visibility,
    memberStatus: memberStatusOf(query),
    filters: visibility === 'none' ? [...filters, ...none] : filters,
    sort: [sortOf(query)],
    limit: limitOf(lastValue(query, 'limit')),
    marker: lastValue(query, 'marker'),
    deleted: lastValue(query, 'status') === 'deleted',
  };
}

/** `__imagetype` and `visibility` say the same; when they contradict, no image matches. */
function visibilityOf(query: Query): ListedVisibility | 'none' | undefined {
  const text = lastValue(query, 'visibility');
  const named = visibilities.find((value) => value === text);
  if (text !== undefined && !named)
    throw bad(`visibility must be one of public, private, shared; got ${JSON.stringify(text.slice(0, 64))}.`);
  const type = lastValue(query, '__imagetype');
  if (type === undefined) return named;
  const wanted = visibilityOfType[type];
  return wanted === undefined || (named !== undefined && named !== wanted) ? 'none' : wanted;
}

function memberStatusOf(query: Query): MemberStatus {
  const text = lastValue(query, 'member_status') ?? 'accepted';
  const status = memberStatuses.find((value) => value === text);
  if (!status) throw bad('member_status must be accepted, rejected or pending.');
  return status;
}

/** What each name means; a name that isn't here is an attribute or nothing. */
const readers: Readonly<Record<string, (name: string, query: Query) => ImageFilter[]>> = {
  tag: (name, query) => allValues(query, name).map((tag) => ({ kind: 'tag', values: tagForms(tag) })),
  protected: flag,
  os_hidden: flag,
  min_disk: (name, query) => [{ kind: 'integer', name: 'min_disk', value: integer(name, query) }],
  min_ram: (name, query) => [{ kind: 'integer', name: 'min_ram', value: integer(name, query) }],
  size_min: (name, query) => [{ kind: 'size', bound: 'min', bytes: integer(name, query) }],
  size_max: (name, query) => [{ kind: 'size', bound: 'max', bytes: integer(name, query) }],
  created_at: times,
  updated_at: times,
  __imagetype: () => every, // read with the visibility
  __isregistered: (name, query) => (lastValue(query, name)?.toLowerCase() === 'true' ? every : none),
  __image_source_type: (name, query) => (lastValue(query, name) === 'uds' ? every : none),
  __whole_image: (name, query) => (lastValue(query, name)?.toLowerCase() === 'true' ? none : every),
  __platform: (_name, query) => property('__platform', platformName(lastValue(query, '__platform') ?? '')),
  virtual_env_type: (name, query) => property(name, lastValue(query, name) ?? ''),
  architecture: (name, query) =>
    lastValue(query, name) === 'arm' ? property('__support_arm', 'true') : every,
  enterprise_project_id: (name, query) =>
    ['0', 'all_granted_eps'].includes(lastValue(query, name) ?? '')
      ? every
      : property(name, lastValue(query, name) ?? ''),
};

function filtersOf(name: string, query: Query): ImageFilter[] {
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (reader) return reader(name, query);
  const value = lastValue(query, name) ?? '';
  const text = texts.find((known) => known === name);
  if (text) return textFilter(text, value);
  return name.startsWith('__') ? property(name, value) : every;
}

function textFilter(name: ImageTextAttribute, value: string): ImageFilter[] {
  if (name === 'status' && value === 'deleted') return every; // another list, not a condition
  return [{ kind: 'anyOf', name, values: [name === 'id' ? value.toLowerCase() : value] }];
}

const property = (name: string, value: string): ImageFilter[] => [{ kind: 'property', name, value }];

const platformName = (text: string): string => (text === 'RedHat' ? 'Red Hat' : text);

/**
 * Stored forms that a tag filter finds: its own text, `k=v` for an old-style `k.v`, and a key
 * with an empty value for a bare key.
 */
function tagForms(tag: string): string[] {
  if (tag.includes('=')) return [tag];
  const dot = tag.indexOf('.');
  return dot > 0 ? [tag, `${tag.slice(0, dot)}=${tag.slice(dot + 1)}`, `${tag}=`] : [tag, `${tag}=`];
}

function flag(name: string, query: Query): ImageFilter[] {
  const text = lastValue(query, name)?.toLowerCase();
  if (text !== 'true' && text !== 'false') throw bad(`${name} must be true or false.`);
  return [{ kind: 'flag', name: name as 'protected' | 'os_hidden', value: text === 'true' }];
}

function integer(name: string, query: Query): number {
  const text = lastValue(query, name) ?? '';
  if (!/^\d{1,15}$/.test(text)) throw bad(`${name} must be a whole number.`);
  return Number(text);
}

/** `<op>:<time>`, repeatable; without an operator the times are equal. */
function times(name: string, query: Query): ImageFilter[] {
  return allValues(query, name).map((text) => {
    const match = /^(gt|gte|lt|lte|eq|neq):(.*)$/s.exec(text);
    const ms = parseIsoTime(match ? match[2]! : text);
    if (ms === undefined) throw bad(`${name} must be OPERATOR:TIME, for example gte:2026-11-24T08:00:00Z.`);
    const op = (match?.[1] ?? 'eq') as (ImageFilter & { kind: 'time' })['op'];
    return { kind: 'time', name: name as 'created_at' | 'updated_at', op, ms };
  });
}

function sortOf(query: Query): ImageSort {
  const text = lastValue(query, 'sort_key') ?? 'created_at';
  const key = imageSortKeys.find((known) => known === text);
  if (!key) throw bad(`sort_key must be one of ${imageSortKeys.join(', ')}.`);
  const direction = lastValue(query, 'sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') throw bad('sort_dir must be asc or desc.');
  return { key, direction };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_ROWS;
  if (!/^\d{1,15}$/.test(text)) throw bad('limit must be a whole number, 0 to 1000.');
  return Math.min(Number(text), MOST_ROWS);
}
