import { sql } from 'kysely';
import type { Insertable, Selectable, Updateable } from 'kysely';
import type { Image, ImageStatus, Visibility } from '../image/record.ts';
import type { Database, Engine, Tx } from './database.ts';
import { imageFacets } from './facets.ts';
import type { Facet } from './facets.ts';
import type { ImageRow } from './tables/images.ts';

/** An image with what only the rules about members need to know. */
export interface StoredImage extends Image {
  /** Turned from private to shared by its first member, to be turned back by its last. */
  readonly isSharedByMembers: boolean;
}

type StoredRow = Omit<Selectable<ImageRow>, 'facets'>;

/** Every column but the derived one. */
export const imageColumns = [
  'id',
  'owner',
  'name',
  'named',
  'status',
  'visibility',
  'shared_by_members',
  'protected',
  'hidden',
  'container_format',
  'disk_format',
  'disk_format_stated',
  'min_disk',
  'min_ram',
  'size',
  'virtual_size',
  'md5',
  'hash_algorithm',
  'hash_value',
  'blob_id',
  'created_at',
  'updated_at',
  'active_at',
  'deleted_at',
  'tags',
  'properties',
  'platform_properties',
] as const satisfies readonly (keyof StoredRow)[];

/** Rows of `image_facets` beside the owner's: every image, and the ones that everybody may see. */
export const sharedScopes = { all: '*', public: '*public', community: '*community' } as const;

/** Insert a new image. @returns false when the id is taken, by a deleted image too */
export async function insertImage(tx: Tx, engine: Engine, image: StoredImage): Promise<boolean> {
  const inserted = await insertImages(tx, engine, [image]);
  return inserted === 1;
}

/** Insert several new images in one statement. @returns how many; the others' ids are taken */
export async function insertImages(tx: Tx, engine: Engine, images: readonly StoredImage[]): Promise<number> {
  const isPostgresql = engine === 'postgresql';
  const rows = images.map((image) => ({
    ...(toRow(image) as Insertable<ImageRow>),
    ...(isPostgresql ? { facets: imageFacets(image) } : {}),
  }));
  const inserted = await tx
    .insertInto('images')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  const isNew = new Set(inserted.map(({ id }) => id));
  if (!isPostgresql)
    for (const image of images) if (isNew.has(image.id)) await insertFacetRows(tx, image, facetKeys(image));
  return isNew.size;
}

/** The image with this id unless it is deleted. */
export async function findImage(db: Database | Tx, id: string): Promise<StoredImage | undefined> {
  const row = await db.selectFrom('images').select(imageColumns).where('id', '=', id).executeTakeFirst();
  return row && row.status !== 'deleted' ? toImage(row) : undefined;
}

/** The same, and nobody else changes it before this transaction ends. */
export async function lockImage(tx: Tx, engine: Engine, id: string): Promise<StoredImage | undefined> {
  const query = tx.selectFrom('images').select(imageColumns).where('id', '=', id);
  const row = await (engine === 'postgresql' ? query.forUpdate() : query).executeTakeFirst();
  return row && row.status !== 'deleted' ? toImage(row) : undefined;
}

/** Write what has changed between `before`, which this transaction has locked, and `after`. */
export async function saveImage(
  tx: Tx,
  engine: Engine,
  { before, after }: { readonly before: StoredImage; readonly after: StoredImage },
): Promise<void> {
  const [old, next] = [toRow(before), toRow(after)];
  const changed = imageColumns.filter((column) => old[column] !== next[column]);
  const set: Updateable<ImageRow> = Object.fromEntries(changed.map((column) => [column, next[column]]));
  if (engine === 'postgresql') set.facets = imageFacets(after);
  else await replaceFacetRows(tx, before, after);
  if (Object.keys(set).length === 0) return;
  await tx.updateTable('images').set(set).where('id', '=', before.id).execute();
}

type FacetKey = readonly [scope: string, facet: Facet];

/** Where SQLite keeps the image's facets. */
function facetKeys(image: Image): FacetKey[] {
  const scopes: string[] = [image.owner, sharedScopes.all];
  if (image.visibility === 'public' || image.visibility === 'community')
    scopes.push(sharedScopes[image.visibility]);
  return scopes.flatMap((scope) => imageFacets(image).map((facet) => [scope, facet] as const));
}

async function insertFacetRows(tx: Tx, image: Image, keys: readonly FacetKey[]): Promise<void> {
  // One statement whatever the number of keys: its text stays the same and prepared.
  await sql`insert into image_facets (scope, facet, created_at, image_id)
    select value ->> 0, value ->> 1, ${image.createdAt}, ${image.id}
    from json_each(${JSON.stringify(keys)})`.execute(tx);
}

async function replaceFacetRows(tx: Tx, before: Image, after: Image): Promise<void> {
  const text = (key: FacetKey): string => JSON.stringify(key);
  const [old, next] = [facetKeys(before), facetKeys(after)];
  const [oldTexts, nextTexts] = [new Set(old.map(text)), new Set(next.map(text))];
  const gone = old.filter((key) => !nextTexts.has(text(key)));
  const added = next.filter((key) => !oldTexts.has(text(key)));
  if (gone.length > 0) {
    await sql`delete from image_facets where (scope, facet, created_at, image_id) in (
      select value ->> 0, value ->> 1, ${before.createdAt}, ${before.id}
      from json_each(${JSON.stringify(gone)}))`.execute(tx);
  }
  if (added.length > 0) await insertFacetRows(tx, after, added);
}

const unknownSize = -1;

function toRow(image: StoredImage): StoredRow {
  return {
    id: image.id,
    owner: image.owner,
    name: image.name ?? '',
    named: image.name === null ? 0 : 1,
    status: image.status,
    visibility: image.visibility,
    shared_by_members: Number(image.isSharedByMembers),
    protected: Number(image.isProtected),
    hidden: Number(image.isHidden),
    container_format: image.containerFormat ?? '',
    disk_format: image.diskFormat ?? '',
    disk_format_stated: Number(image.diskFormatStated),
    min_disk: image.minDiskGb,
    min_ram: image.minRamMb,
    size: image.sizeBytes ?? unknownSize,
    virtual_size: image.virtualSizeBytes,
    md5: image.md5,
    hash_algorithm: image.hashAlgorithm,
    hash_value: image.hashValue,
    blob_id: image.blobId,
    created_at: image.createdAt,
    updated_at: image.updatedAt,
    active_at: image.activeAt,
    deleted_at: image.deletedAt,
    tags: JSON.stringify(image.tags),
    properties: JSON.stringify(image.properties),
    platform_properties: JSON.stringify(image.platformProperties),
  };
}

export function toImage(row: StoredRow): StoredImage {
  return {
    id: row.id,
    owner: row.owner,
    name: row.named ? row.name : null,
    status: row.status as ImageStatus,
    visibility: row.visibility as Visibility,
    isSharedByMembers: row.shared_by_members === 1,
    isProtected: row.protected === 1,
    isHidden: row.hidden === 1,
    containerFormat: row.container_format || null,
    diskFormat: row.disk_format || null,
    diskFormatStated: row.disk_format_stated === 1,
    minDiskGb: row.min_disk,
    minRamMb: row.min_ram,
    sizeBytes: row.size === unknownSize ? null : row.size,
    virtualSizeBytes: row.virtual_size,
    md5: row.md5,
    hashAlgorithm: row.hash_algorithm,
    hashValue: row.hash_value,
    blobId: row.blob_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    activeAt: row.active_at,
    deletedAt: row.deleted_at,
    tags: row.tags === '[]' ? [] : (JSON.parse(row.tags) as string[]),
    properties: JSON.parse(row.properties) as Record<string, string>,
    platformProperties:
      row.platform_properties === '[]' ? [] : (JSON.parse(row.platform_properties) as string[]),
  };
}
