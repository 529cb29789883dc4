import type { Database, Tx } from './database.ts';
import type { BucketObjectRow } from './tables/buckets.ts';

export function findObject(
  db: Database | Tx,
  bucket: string,
  key: string,
): Promise<BucketObjectRow | undefined> {
  return db
    .selectFrom('bucket_objects')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('key', '=', key)
    .executeTakeFirst();
}

/** Whether the key still names this generation. */
export async function isCurrentGeneration(
  tx: Tx,
  at: { bucket: string; key: string; generation: string },
): Promise<boolean> {
  const row = await tx
    .selectFrom('bucket_objects')
    .select('generation')
    .where('bucket', '=', at.bucket)
    .where('key', '=', at.key)
    .executeTakeFirst();
  return row?.generation === at.generation;
}

/**
 * Move a key to new bytes.
 * @param judge sees the row that is about to be replaced, or undefined; throws to refuse
 * @returns the blob that the key referred to until now
 * @throws the engine's foreign key violation when the bucket or the blob is gone
 */
export async function replaceObject(
  tx: Tx,
  row: BucketObjectRow,
  judge: (current: Pick<BucketObjectRow, 'etag'> | undefined) => void,
): Promise<string | undefined> {
  // Optimistic: a row that changed in between on PostgreSQL is judged again.
  for (;;) {
    const current = await findObject(tx, row.bucket, row.key);
    judge(current);
    if (current === undefined) {
      const made = await tx
        .insertInto('bucket_objects')
        .values(row)
        .onConflict((conflict) => conflict.columns(['bucket', 'key']).doNothing())
        .returning('generation')
        .executeTakeFirst();
      if (made) return undefined;
      continue;
    }
    const { bucket, key, ...facts } = row;
    const changed = await tx
      .updateTable('bucket_objects')
      .set(facts)
      .where('bucket', '=', bucket)
      .where('key', '=', key)
      .where('generation', '=', current.generation)
      .executeTakeFirst();
    if (Number(changed.numUpdatedRows) === 1) return current.blob_id;
  }
}

/** @returns the blobs that the deleted keys referred to */
export async function deleteObjects(tx: Tx, bucket: string, keys: readonly string[]): Promise<string[]> {
  const blobs: string[] = [];
  for (let at = 0; at < keys.length; at += 200) {
    const rows = await tx
      .deleteFrom('bucket_objects')
      .where('bucket', '=', bucket)
      .where('key', 'in', keys.slice(at, at + 200))
      .returning('blob_id')
      .execute();
    for (const row of rows) blobs.push(row.blob_id);
  }
  return blobs;
}

/** Bounds of a walk over keys in UTF-8 byte order. */
export interface KeyBounds {
  readonly from: string;
  readonly inclusive: boolean;
  /** Among rows of key `from`, those with a greater id only. */
  readonly afterId: string;
  readonly below: string | undefined;
  readonly limit: number;
}

const listedColumns = [
  'key',
  'etag',
  'size',
  'storage_class',
  'created_at',
  'checksum_algorithm',
  'checksum_type',
] as const;
export type ListedObjectRow = Pick<BucketObjectRow, (typeof listedColumns)[number]>;

/** The next rows of a bucket by key, from the primary key's index. */
export function objectsAfter(db: Database, bucket: string, bounds: KeyBounds): Promise<ListedObjectRow[]> {
  let query = db
    .selectFrom('bucket_objects')
    .select(listedColumns)
    .where('bucket', '=', bucket)
    .where('key', bounds.inclusive ? '>=' : '>', bounds.from);
  if (bounds.below !== undefined) query = query.where('key', '<', bounds.below);
  return query.orderBy('key').limit(bounds.limit).execute();
}

/** Parts of a blob of kind `parts` from an ordinal on, with the checksums they were uploaded with. */
export function objectPartsFrom(db: Database, blobId: string, ordinal: number, limit: number) {
  return db
    .selectFrom('blob_parts')
    .leftJoin('part_checksums', (join) =>
      join
        .onRef('part_checksums.blob_id', '=', 'blob_parts.blob_id')
        .onRef('part_checksums.ordinal', '=', 'blob_parts.ordinal'),
    )
    .select(['blob_parts.ordinal', 'blob_parts.start', 'blob_parts.size', 'part_checksums.checksum'])
    .where('blob_parts.blob_id', '=', blobId)
    .where('blob_parts.ordinal', '>=', ordinal)
    .orderBy('blob_parts.ordinal')
    .limit(limit)
    .execute();
}
