import { sql } from 'kysely';
import type { Database, Tx } from './database.ts';
import type { KeyBounds } from './buckets-objects.ts';
import type { BucketPartRow, BucketUploadRow, CompletedUploadRow } from './tables/buckets.ts';

export async function insertUpload(tx: Tx, row: BucketUploadRow): Promise<void> {
  await tx.insertInto('bucket_uploads').values(row).execute();
}

export function findUpload(db: Database | Tx, id: string): Promise<BucketUploadRow | undefined> {
  return db.selectFrom('bucket_uploads').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Unfinished uploads by key, then by time of initiation. */
export function uploadsAfter(db: Database, bucket: string, bounds: KeyBounds): Promise<BucketUploadRow[]> {
  let query = db.selectFrom('bucket_uploads').selectAll().where('bucket', '=', bucket);
  query = bounds.inclusive
    ? query.where('key', '>=', bounds.from)
    : query.where(sql<boolean>`(key, id) > (${bounds.from}, ${bounds.afterId})`);
  if (bounds.below !== undefined) query = query.where('key', '<', bounds.below);
  return query.orderBy('key').orderBy('id').limit(bounds.limit).execute();
}

export function uploadsOlderThan(db: Database, time: number, limit: number): Promise<{ id: string }[]> {
  return db
    .selectFrom('bucket_uploads')
    .select('id')
    .where('created_at', '<', time)
    .orderBy('created_at')
    .limit(limit)
    .execute();
}

export function uploadIdsOf(tx: Tx, bucket: string): Promise<{ id: string }[]> {
  return tx.selectFrom('bucket_uploads').select('id').where('bucket', '=', bucket).execute();
}

/**
 * Keep a part; the same number replaces.
 * @returns the replaced part's blob
 * @throws the engine's foreign key violation when the upload is gone
 */
export async function replacePart(tx: Tx, row: BucketPartRow): Promise<string | undefined> {
  for (;;) {
    const current = await tx
      .selectFrom('bucket_parts')
      .select('blob_id')
      .where('upload_id', '=', row.upload_id)
      .where('part_number', '=', row.part_number)
      .executeTakeFirst();
    if (current === undefined) {
      const made = await tx
        .insertInto('bucket_parts')
        .values(row)
        .onConflict((conflict) => conflict.columns(['upload_id', 'part_number']).doNothing())
        .returning('blob_id')
        .executeTakeFirst();
      if (made) return undefined;
      continue;
    }
    const { upload_id, part_number, ...facts } = row;
    const changed = await tx
      .updateTable('bucket_parts')
      .set(facts)
      .where('upload_id', '=', upload_id)
      .where('part_number', '=', part_number)
      .where('blob_id', '=', current.blob_id)
      .executeTakeFirst();
    if (Number(changed.numUpdatedRows) === 1) return current.blob_id;
  }
}

export function partsAfter(
  db: Database | Tx,
  uploadId: string,
  after: number,
  limit: number,
): Promise<BucketPartRow[]> {
  return db
    .selectFrom('bucket_parts')
    .selectAll()
    .where('upload_id', '=', uploadId)
    .where('part_number', '>', after)
    .orderBy('part_number')
    .limit(limit)
    .execute();
}

/** End an upload. @returns the blobs of its parts; undefined when there is no such upload (any more) */
export async function removeUpload(tx: Tx, uploadId: string): Promise<string[] | undefined> {
  const parts = await tx
    .deleteFrom('bucket_parts')
    .where('upload_id', '=', uploadId)
    .returning('blob_id')
    .execute();
  // Last, so that a part put meanwhile (PostgreSQL) breaks the foreign key instead of being lost.
  const result = await tx.deleteFrom('bucket_uploads').where('id', '=', uploadId).executeTakeFirst();
  if (Number(result.numDeletedRows) === 0) return undefined;
  return parts.map((part) => part.blob_id);
}

export async function insertPartChecksums(
  tx: Tx,
  blobId: string,
  checksums: readonly (string | null)[],
): Promise<void> {
  const rows = checksums.flatMap((checksum, ordinal) =>
    checksum === null ? [] : [{ blob_id: blobId, ordinal, checksum }],
  );
  for (let at = 0; at < rows.length; at += 500) {
    await tx
      .insertInto('part_checksums')
      .values(rows.slice(at, at + 500))
      .execute();
  }
}

export async function insertCompletedUpload(tx: Tx, row: CompletedUploadRow): Promise<void> {
  await tx.insertInto('completed_uploads').values(row).execute();
}

export function findCompletedUpload(db: Database | Tx, id: string): Promise<CompletedUploadRow | undefined> {
  return db.selectFrom('completed_uploads').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function forgetCompletedUploads(tx: Tx, before: number): Promise<void> {
  await tx.deleteFrom('completed_uploads').where('completed_at', '<', before).execute();
}
