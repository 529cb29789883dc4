import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { ImageFilter } from '../image/list-query.ts';
import { columnFacet, propertyFacet, tagFacet } from './facets.ts';
import type { Facet, FacetColumn } from './facets.ts';

export type Predicate = RawBuilder<boolean>;

/** Filters, sorted by the way they are looked up. All hold together. */
export interface Conditions {
  /** Each group: the image has one of these facets. */
  readonly groups: readonly (readonly Facet[])[];
  /** Looked up in the row `i` itself. */
  readonly predicates: readonly Predicate[];
  readonly ids: readonly string[] | undefined;
  readonly owners: readonly string[] | undefined;
  /** Nothing can match. */
  readonly isEmpty: boolean;
}

interface Collected {
  groups: Facet[][];
  predicates: Predicate[];
  ids: readonly string[] | undefined;
  owners: readonly string[] | undefined;
  isEmpty: boolean;
}

/** Turn filters into what can be looked up; touches no database. */
export function imageConditions(filters: readonly ImageFilter[]): Conditions {
  const found: Collected = { groups: [], predicates: [], ids: undefined, owners: undefined, isEmpty: false };
  if (!filters.some((filter) => filter.kind === 'flag' && filter.name === 'os_hidden'))
    found.predicates.push(sql`i.hidden = 0`);
  for (const filter of filters) add(found, filter);
  return found;
}

function add(found: Collected, filter: ImageFilter): void {
  switch (filter.kind) {
    case 'anyOf':
      return addAnyOf(found, filter.name, filter.values);
    case 'integer':
      if (filter.name === 'size') found.predicates.push(sql`i.size = ${Math.max(filter.value, 0)}`);
      else addColumn(found, filter.name, [filter.value]);
      return;
    case 'flag': {
      const column = filter.name === 'os_hidden' ? 'hidden' : 'protected';
      if (filter.value) found.groups.push([columnFacet(column, 'true')!]);
      else found.predicates.push(sql`${sql.ref(`i.${column}`)} = 0`);
      return;
    }
    case 'size':
      // An unknown size is −1 and in no range.
      found.predicates.push(
        filter.bound === 'min'
          ? sql`i.size >= ${Math.max(filter.bytes, 0)}`
          : sql`i.size between 0 and ${filter.bytes}`,
      );
      return;
    case 'time':
      found.predicates.push(timePredicate(filter));
      return;
    case 'tag':
      if (filter.values.length === 0) found.isEmpty = true;
      else found.groups.push([...new Set(filter.values)].map(tagFacet));
      return;
    case 'property':
      found.groups.push([propertyFacet(filter.name, filter.value)]);
      return;
    case 'none':
      found.isEmpty = true;
  }
}

function addAnyOf(
  found: Collected,
  name: (ImageFilter & { kind: 'anyOf' })['name'],
  given: readonly string[],
): void {
  // '' in a column means unknown, which no value equals; a name may be empty.
  const values = name === 'name' ? [...new Set(given)] : [...new Set(given)].filter((value) => value !== '');
  if (values.length === 0) {
    found.isEmpty = true;
    return;
  }
  switch (name) {
    case 'id':
      found.ids = intersection(
        found.ids,
        values.map((value) => value.toLowerCase()),
      );
      return;
    case 'owner':
      found.owners = intersection(found.owners, values);
      return;
    case 'os_hash_algo':
    case 'os_hash_value':
      found.predicates.push(oneOf(name === 'os_hash_algo' ? 'hash_algorithm' : 'hash_value', values));
      return;
    default:
      addColumn(found, name, values);
  }
}

/** Through facets where every value has one, else in the row. */
function addColumn(found: Collected, column: FacetColumn, values: readonly (string | number)[]): void {
  const facets = values.map((value) => columnFacet(column, String(value)));
  if (facets.every((facet) => facet !== undefined)) found.groups.push(facets);
  else found.predicates.push(oneOf(column === 'checksum' ? 'md5' : column, values));
}

function oneOf(column: string, values: readonly (string | number)[]): Predicate {
  return sql`${sql.ref(`i.${column}`)} in (${sql.join(values)})`;
}

function intersection(before: readonly string[] | undefined, values: string[]): string[] {
  return before ? values.filter((value) => before.includes(value)) : values;
}

/** Times are shown in whole seconds, and compared so. */
function timePredicate({ name, op, ms }: ImageFilter & { kind: 'time' }): Predicate {
  const column = sql.ref(`i.${name}`);
  const second = Math.floor(ms / 1000) * 1000;
  const next = second + 1000;
  switch (op) {
    case 'gt':
      return sql`${column} >= ${next}`;
    case 'gte':
      return sql`${column} >= ${second}`;
    case 'lt':
      return sql`${column} < ${second}`;
    case 'lte':
      return sql`${column} < ${next}`;
    case 'eq':
      return sql`(${column} >= ${second} and ${column} < ${next})`;
    case 'neq':
      return sql`(${column} < ${second} or ${column} >= ${next})`;
  }
}
