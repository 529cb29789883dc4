import { imageConditions } from '../catalog/images-conditions.ts';
import type { Cursor } from '../catalog/images-branches.ts';
import { selectImages } from '../catalog/images-list.ts';
import type { ImagePage } from '../catalog/images-list.ts';
import { findMarker } from '../catalog/images-marker.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import { canSee } from './access.ts';
import { visibleBranches } from './branches.ts';
import type { ImageContext } from './context.ts';
import { imageSortKeys } from './list-query.ts';
import type { ImageListQuery, ImageSort } from './list-query.ts';
import type { Image } from './record.ts';

const mostRows = 1000;

/** @throws {DomainError} `image-marker-unknown` */
export async function listImages(
  context: ImageContext,
  actor: Actor,
  query: ImageListQuery,
): Promise<{ readonly images: Image[] }> {
  // A wrong marker is an error, also where the page would be empty.
  const cursor = query.marker === undefined ? undefined : await cursorAt(context, actor, query.marker);
  const page = imagePage(actor, query, cursor);
  return { images: page ? await selectImages(context.catalog, page) : [] };
}

/** What to read for a query, or undefined when no image can match. */
export function imagePage(
  actor: Actor,
  query: ImageListQuery,
  cursor: Cursor | undefined,
): ImagePage | undefined {
  const limit = Math.min(query.limit, mostRows);
  const conditions = imageConditions(query.filters ?? []);
  if (limit <= 0 || conditions.isEmpty || conditions.ids?.length === 0 || conditions.owners?.length === 0)
    return undefined;
  const owner = conditions.owners?.length === 1 ? conditions.owners[0] : undefined;
  const branches = visibleBranches(actor, query, owner);
  if (branches.length === 0) return undefined;
  return { branches, conditions, sort: completeSort(query.sort), cursor, limit };
}

/** Every key once, and `id` last, in the direction of the key before it. */
function completeSort(given: readonly ImageSort[] | undefined): ImageSort[] {
  const sort: ImageSort[] = [];
  for (const next of given?.length ? given : [{ key: 'created_at', direction: 'desc' } as const]) {
    if (!imageSortKeys.includes(next.key)) throw new TypeError(`not a sort key: ${next.key}`);
    if (!sort.some(({ key }) => key === next.key)) sort.push(next);
    if (next.key === 'id') return sort;
  }
  return [...sort, { key: 'id', direction: sort.at(-1)!.direction }];
}

async function cursorAt({ catalog }: ImageContext, actor: Actor, id: string): Promise<Cursor> {
  const marker = await findMarker(catalog.db, id.toLowerCase());
  if (marker && (await canSee(catalog.db, actor, marker.image))) return marker.cursor;
  throw new DomainError('image-marker-unknown', `No image found with ID ${id}`, { imageId: id, marker: id });
}
