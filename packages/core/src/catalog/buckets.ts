import { sql } from 'kysely';
import type { Database, Tx } from './database.ts';
import type { BucketRow } from './tables/buckets.ts';

export type OwnedBucketRow = BucketRow & { readonly owner_name: string };

/** Buckets with the name of the project that owns them. */
function ownedBuckets(db: Database | Tx) {
  return db
    .selectFrom('buckets')
    .leftJoin('projects', 'projects.id', 'buckets.project_id')
    .selectAll('buckets')
    .select((eb) => eb.fn.coalesce('projects.name', 'buckets.project_id').as('owner_name'));
}

export function findBucket(db: Database | Tx, name: string): Promise<OwnedBucketRow | undefined> {
  return ownedBuckets(db).where('buckets.name', '=', name).executeTakeFirst();
}

/**
 * Buckets by name: those after `after` and, with `below`, before it.
 * @param projectId whose; undefined for everybody's
 */
export function bucketsAfter(
  db: Database,
  projectId: string | undefined,
  bounds: { from: string; inclusive: boolean; below: string | undefined; limit: number },
): Promise<OwnedBucketRow[]> {
  let query = ownedBuckets(db).where('buckets.name', bounds.inclusive ? '>=' : '>', bounds.from);
  if (projectId !== undefined) query = query.where('buckets.project_id', '=', projectId);
  if (bounds.below !== undefined) query = query.where('buckets.name', '<', bounds.below);
  return query.orderBy('buckets.name').limit(bounds.limit).execute();
}

/** @returns the row that had the name already, `limit` at `most` buckets of the project, else `made` */
export async function insertBucket(
  tx: Tx,
  row: BucketRow,
  most: number,
): Promise<{ taken: BucketRow } | 'limit' | 'made'> {
  const taken = await tx.selectFrom('buckets').selectAll().where('name', '=', row.name).executeTakeFirst();
  if (taken) return { taken };
  const { count } = await tx
    .selectFrom('buckets')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', row.project_id)
    .executeTakeFirstOrThrow();
  if (Number(count) >= most) return 'limit';
  const made = await tx
    .insertInto('buckets')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst();
  if (made) return 'made';
  return {
    taken: await tx.selectFrom('buckets').selectAll().where('name', '=', row.name).executeTakeFirstOrThrow(),
  };
}

export async function hasObjects(tx: Database | Tx, bucket: string): Promise<boolean> {
  const row = await tx
    .selectFrom('bucket_objects')
    .select('key')
    .where('bucket', '=', bucket)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** @returns false when it was gone already. @throws the engine's foreign key violation while it has objects */
export async function deleteBucketRow(tx: Tx, bucket: string): Promise<boolean> {
  const result = await tx.deleteFrom('buckets').where('name', '=', bucket).executeTakeFirst();
  return Number(result.numDeletedRows) === 1;
}

export async function setBucketStorageClass(tx: Tx, bucket: string, storageClass: string): Promise<void> {
  await tx.updateTable('buckets').set({ storage_class: storageClass }).where('name', '=', bucket).execute();
}

/** Objects of a bucket and the sum of their sizes; reads every row of it. */
export async function bucketUsage(
  db: Database,
  bucket: string,
): Promise<{ objects: number; sizeBytes: number }> {
  const row = await db
    .selectFrom('bucket_objects')
    .select((eb) => [eb.fn.countAll<number>().as('objects'), sql<number>`coalesce(sum(size), 0)`.as('bytes')])
    .where('bucket', '=', bucket)
    .executeTakeFirstOrThrow();
  return { objects: Number(row.objects), sizeBytes: Number(row.bytes) };
}
