import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { ImageBranch } from '../image/branches.ts';
import type { ImageSort, ImageSortKey } from '../image/list-query.ts';
import type { Engine } from './database.ts';
import type { Facet } from './facets.ts';
import type { Conditions, Predicate } from './images-conditions.ts';
import { sharedScopes } from './images.ts';

/** Where a page goes on: the sort keys of the last image of the page before. */
export type Cursor = Readonly<Record<ImageSortKey, string | number>>;

export interface BranchQuery {
  readonly engine: Engine;
  readonly branch: ImageBranch;
  readonly conditions: Conditions;
  /** Ends with `id`. */
  readonly sort: readonly ImageSort[];
  readonly cursor: Cursor | undefined;
  readonly limit: number;
  /** SQLite: the group of facets whose rows are read first, instead of the images'. */
  readonly driver: readonly Facet[] | undefined;
}

/** Where SQLite keeps the facets of a branch's images; undefined: only together with their owners'. */
export function facetScope(branch: ImageBranch): string | undefined {
  switch (branch.kind) {
    case 'owner':
    case 'deleted':
      return branch.owner;
    case 'all':
      return sharedScopes.all;
    case 'public':
    case 'community':
      return sharedScopes[branch.kind];
    case 'members':
      return undefined;
  }
}

/** The first `limit` images of one branch: ids and sort keys, in order. */
export function branchSelect(query: BranchQuery): RawBuilder<unknown> {
  const { branch, conditions, sort, cursor, driver } = query;
  const source = sourceOf(query);
  const predicates = [...source.predicates, ...restriction(branch), ...conditions.predicates];
  if (conditions.ids) predicates.push(sql`i.id in (${sql.join(conditions.ids)})`);
  if (conditions.owners) predicates.push(sql`i.owner in (${sql.join(conditions.owners)})`);
  for (const group of conditions.groups)
    if (group !== driver) predicates.push(hasFacet(query.engine, source, group));
  if (cursor) predicates.push(behind(sort, cursor, source.column));
  const keys = sort.map(({ key }) => sql`${source.column(key)} as ${sql.ref(key)}`);
  const order = sort.map(({ key, direction }) => sql`${source.column(key)} ${sql.raw(direction)}`);
  // A driver of several facets meets an image once for each that it has.
  const distinct = driver && driver.length > 1 ? sql`distinct ` : sql``;
  return sql`select ${distinct}${sql.join(keys)} from ${source.from}
    where ${sql.join(predicates, sql` and `)}
    order by ${sql.join(order)} limit ${query.limit}`;
}

interface Source {
  readonly from: RawBuilder<unknown>;
  readonly predicates: readonly Predicate[];
  /** The column of a sort key, in the table that is read in its order. */
  column(key: ImageSortKey): RawBuilder<unknown>;
  /** Under which scope SQLite looks whether an image has a facet, before it reads the image's row. */
  readonly scope: RawBuilder<unknown>;
}

const imageColumn = (key: ImageSortKey): RawBuilder<unknown> => sql.ref(`i.${key}`);

function sourceOf(query: BranchQuery): Source {
  const { branch, engine, driver } = query;
  if (driver) return facetSource(query, driver);
  if (branch.kind === 'members') {
    const members =
      engine === 'sqlite' && !query.conditions.ids ? sql` indexed by image_members_list` : sql``;
    return {
      from: sql`image_members as m${members} cross join images as i`,
      predicates: [
        sql`m.member = ${branch.member}`,
        sql`m.status = ${branch.status}`,
        sql`i.id = m.image_id`,
        // Members of an image that is no longer shared count again when it is.
        sql`i.visibility = 'shared'`,
        sql`i.status <> 'deleted'`,
        sql`i.owner <> ${branch.member}`,
      ],
      column: (key) => ordered(key, { created_at: 'm.image_created_at', id: 'm.image_id' }),
      scope: sql.lit(sharedScopes.all),
    };
  }
  return {
    from: sql`images as i${pinnedIndex(query)}`,
    predicates: [place(branch)],
    column: imageColumn,
    scope: sql`${facetScope(branch)}`,
  };
}

/** SQLite: the images that have one of the driver's facets, in order of time. */
function facetSource({ branch }: BranchQuery, driver: readonly Facet[]): Source {
  return {
    from: sql`image_facets as f cross join images as i`,
    predicates: [
      sql`f.scope = ${facetScope(branch)}`,
      driver.length === 1 ? sql`f.facet = ${driver[0]}` : sql`f.facet in (${sql.join(driver)})`,
      sql`i.id = f.image_id`,
    ],
    column: (key) => ordered(key, { created_at: 'f.created_at', id: 'f.image_id' }),
    scope: sql.ref('f.scope'),
  };
}

function ordered(key: ImageSortKey, own: { created_at: string; id: string }): RawBuilder<unknown> {
  return sql.ref(key === 'created_at' || key === 'id' ? own[key] : `i.${key}`);
}

/** Which images a branch is made of, in the words of the index that has them. */
function place(branch: Exclude<ImageBranch, { kind: 'members' }>): Predicate {
  switch (branch.kind) {
    case 'owner':
      return sql`i.owner = ${branch.owner} and i.status <> 'deleted'`;
    case 'deleted':
      return sql`i.owner = ${branch.owner} and i.status = 'deleted'`;
    case 'all':
      return sql`i.status <> 'deleted' and i.id <> ''`;
    case 'public':
    case 'community':
      return sql`i.visibility = ${sql.lit(branch.kind)} and i.status <> 'deleted'`;
  }
}

/** What of its images a branch leaves out; the rarer visibilities are looked up as facets. */
function restriction(branch: ImageBranch): Predicate[] {
  const found: Predicate[] = [];
  if ('visibility' in branch && branch.visibility === 'private') found.push(sql`i.visibility = 'private'`);
  const except = 'except' in branch ? branch.except : undefined;
  if (except && 'owner' in except) found.push(sql`i.owner <> ${except.owner}`);
  if (except && 'communityBut' in except) {
    const mine = except.communityBut;
    found.push(
      mine === undefined
        ? sql`i.visibility <> 'community'`
        : sql`(i.visibility <> 'community' or i.owner = ${mine})`,
    );
  }
  return found;
}

const indexedKeys: ReadonlySet<string> = new Set(['created_at', 'updated_at', 'name', 'size']);

/** SQLite keeps no statistics here: say which index is walked. */
function pinnedIndex({ engine, branch, sort, conditions }: BranchQuery): RawBuilder<unknown> {
  if (engine !== 'sqlite' || conditions.ids) return sql``;
  const first = sort[0]!.key;
  const key = indexedKeys.has(first) ? first : 'created_at';
  const isByKey = branch.kind === 'owner' || branch.kind === 'all';
  return sql` indexed by ${sql.ref(isByKey ? `images_${branch.kind}_${key}` : `images_${branch.kind}`)}`;
}

function hasFacet(engine: Engine, { scope, column }: Source, group: readonly Facet[]): Predicate {
  if (engine === 'postgresql') {
    const facets = sql`${[...group]}::text[]`;
    return group.length === 1 ? sql`i.facets @> ${facets}` : sql`i.facets && ${facets}`;
  }
  return sql`exists (select 1 from image_facets as p where p.scope = ${scope}
    and p.facet in (${sql.join(group)}) and p.created_at = ${column('created_at')} and p.image_id = ${column('id')})`;
}

/** Strictly after the cursor in the order of `sort`. */
function behind(sort: readonly ImageSort[], cursor: Cursor, column: Source['column']): Predicate {
  const [first] = sort;
  if (sort.every(({ direction }) => direction === first!.direction)) {
    const columns = sql.join(sort.map(({ key }) => column(key)));
    const values = sql.join(sort.map(({ key }) => cursor[key]));
    return first!.direction === 'asc' ? sql`(${columns}) > (${values})` : sql`(${columns}) < (${values})`;
  }
  const steps = sort.map(({ key, direction }, index) => {
    const equal = sort.slice(0, index).map((before) => sql`${column(before.key)} = ${cursor[before.key]}`);
    const after =
      direction === 'asc' ? sql`${column(key)} > ${cursor[key]}` : sql`${column(key)} < ${cursor[key]}`;
    return sql`(${sql.join([...equal, after], sql` and `)})`;
  });
  return sql`(${sql.join(steps, sql` or `)})`;
}
