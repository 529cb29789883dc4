import { sql } from 'kysely';
import type { RawBuilder, Selectable } from 'kysely';
import type { ImageBranch } from '../image/branches.ts';
import type { ImageSort } from '../image/list-query.ts';
import type { Catalog } from './database.ts';
import { columnFacet, deletedFacet } from './facets.ts';
import type { Facet } from './facets.ts';
import { branchSelect, facetScope } from './images-branches.ts';
import type { Cursor } from './images-branches.ts';
import type { Conditions } from './images-conditions.ts';
import { imageColumns, toImage } from './images.ts';
import type { StoredImage } from './images.ts';
import type { ImageRow } from './tables/images.ts';

export interface ImagePage {
  readonly branches: readonly ImageBranch[];
  readonly conditions: Conditions;
  /** Ends with `id`. */
  readonly sort: readonly ImageSort[];
  readonly cursor: Cursor | undefined;
  readonly limit: number;
}

/** Up to so many rows of a facet are read and put in order without a thought. */
const fewRows = 500;

/**
 * One page of images: the first rows of each branch, each by an index in the page's order, then the
 * first of those. Reads at most branches × limit keys and `limit` rows, whatever the catalogue's size,
 * where the order has an index; else the keys of one project.
 */
export async function selectImages(catalog: Catalog, page: ImagePage): Promise<StoredImage[]> {
  const query = await imagesQuery(catalog, page);
  if (!query) return [];
  const { rows } = await query.execute(catalog.db);
  return rows.map(toImage);
}

/** The statement of a page, or undefined when no image can match. */
export async function imagesQuery(
  catalog: Catalog,
  page: ImagePage,
): Promise<RawBuilder<Omit<Selectable<ImageRow>, 'facets'>> | undefined> {
  const selects: RawBuilder<unknown>[] = [];
  for (const branch of page.branches) {
    const conditions = conditionsOf(branch, page.conditions);
    const driver = await chooseDriver(catalog, branch, { ...page, conditions });
    if (driver === 'none') continue;
    selects.push(branchSelect({ ...page, engine: catalog.engine, branch, conditions, driver }));
  }
  if (selects.length === 0) return undefined;
  const parts = selects.map((select, index) => sql`select * from (${select}) as ${sql.ref(`b${index}`)}`);
  const order = (table: string): RawBuilder<unknown> =>
    sql.join(page.sort.map(({ key, direction }) => sql`${sql.ref(`${table}${key}`)} ${sql.raw(direction)}`));
  return sql<Omit<Selectable<ImageRow>, 'facets'>>`
    select ${sql.join(imageColumns.map((column) => sql.ref(`r.${column}`)))}
    from (${sql.join(parts, sql` union all `)} order by ${order('')} limit ${page.limit}) as k
    cross join images as r where r.id = k.id order by ${order('k.')}`;
}

/** A branch's own conditions with the page's. */
function conditionsOf(branch: ImageBranch, conditions: Conditions): Conditions {
  if (branch.kind === 'deleted')
    return { ...conditions, groups: conditions.groups.map((group) => group.map(deletedFacet)) };
  const visibility = 'visibility' in branch ? branch.visibility : undefined;
  const facet = visibility && columnFacet('visibility', visibility);
  return facet ? { ...conditions, groups: [...conditions.groups, [facet]] } : conditions;
}

/**
 * SQLite: read which facet's rows first? The rarest, if it is rare, or if the page is in order of
 * time, as its rows are; none when walking the images in order and looking at each is better.
 * PostgreSQL decides by its statistics.
 */
async function chooseDriver(
  catalog: Catalog,
  branch: ImageBranch,
  { conditions, sort }: ImagePage,
): Promise<readonly Facet[] | undefined | 'none'> {
  const scope = facetScope(branch);
  if (catalog.engine !== 'sqlite' || scope === undefined || conditions.ids) return undefined;
  let rarest: { group: readonly Facet[]; rows: number } | undefined;
  for (const group of conditions.groups) {
    const rows = await countFacetRows(catalog, scope, group);
    if (rows === 0) return 'none';
    if (!rarest || rows < rarest.rows) rarest = { group, rows };
  }
  if (!rarest) return undefined;
  const isInOrder = sort[0]!.key === 'created_at' && sort.length === 2 && rarest.group.length === 1;
  return rarest.rows <= fewRows || isInOrder ? rarest.group : undefined;
}

async function countFacetRows(catalog: Catalog, scope: string, group: readonly Facet[]): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from (
    select 1 from image_facets where scope = ${scope} and facet in (${sql.join(group)})
    limit ${fewRows + 1}) as few`.execute(catalog.db);
  return rows[0]!.n;
}
