import {
  deleteObjects,
  findObject,
  objectPartsFrom,
  objectsAfter,
  replaceObject,
} from '../catalog/buckets-objects.ts';
import { findBlob } from '../catalog/blobs.ts';
import { isForeignKeyViolation } from '../catalog/blobs-sweep.ts';
import type { BucketObjectRow } from '../catalog/tables/buckets.ts';
import { DomainError } from '../errors.ts';
import type { BucketDeps } from './deps.ts';
import { objectNotFound } from './refusals.ts';
import { listedOf, newId, objectOf } from './records.ts';
import type { Bucket, BucketObject, Buckets, ObjectChecksum, ObjectFacts, WriteConditions } from './types.ts';
import { walkKeys } from './walk.ts';

/** What holds of the key decides at publish, inside the transaction. */
export function judgeConditions(
  key: string,
  current: { readonly etag: string } | undefined,
  { ifMatch, ifNoneMatch }: WriteConditions,
): void {
  if (ifMatch !== undefined) {
    if (current === undefined) throw objectNotFound(key);
    if (!ifMatch.includes('*') && !ifMatch.includes(current.etag))
      throw new DomainError('precondition-failed', 'the object has another ETag', {
        condition: 'If-Match',
        key,
      });
  }
  if (current !== undefined && (ifNoneMatch?.includes('*') || ifNoneMatch?.includes(current.etag)))
    throw new DomainError('precondition-failed', 'the key exists', { condition: 'If-None-Match', key });
}

/** A new generation's row. */
export function objectRow(
  bucket: Bucket,
  key: string,
  facts: ObjectFacts,
  data: {
    readonly blobId: string;
    readonly sizeBytes: number;
    readonly etag: string;
    readonly checksum: ObjectChecksum | undefined;
    readonly createdAt: number;
    readonly partCount?: number;
    readonly uploadId?: string;
  },
): BucketObjectRow {
  return {
    bucket: bucket.name,
    key,
    generation: newId(),
    blob_id: data.blobId,
    size: data.sizeBytes,
    etag: data.etag,
    part_count: data.partCount ?? null,
    storage_class: facts.storageClass ?? bucket.storageClass,
    headers: JSON.stringify(facts.headers),
    metadata: JSON.stringify(facts.metadata),
    checksum_algorithm: data.checksum?.algorithm ?? null,
    checksum_type: data.checksum?.type ?? null,
    checksum: data.checksum?.value ?? null,
    upload_id: data.uploadId ?? null,
    created_at: data.createdAt,
  };
}

type ObjectCalls = Pick<Buckets, 'head' | 'find' | 'put' | 'copy' | 'delete' | 'list' | 'read' | 'parts'>;

/** Objects: keys that refer to immutable blobs. */
export function objectCalls({ catalog, blobs, clock }: BucketDeps): ObjectCalls {
  const find = async (bucket: Bucket, key: string): Promise<BucketObject | undefined> => {
    const row = await findObject(catalog.db, bucket.name, key);
    return row && objectOf(row);
  };

  const publish = async (row: BucketObjectRow, conditions: WriteConditions): Promise<BucketObject> => {
    let replaced: string | undefined;
    try {
      replaced = await catalog.write((tx) =>
        replaceObject(tx, row, (current) => judgeConditions(row.key, current, conditions)),
      );
    } catch (error) {
      if (!isForeignKeyViolation(error)) throw error;
      throw new DomainError(
        'bucket-not-found',
        `bucket ${row.bucket} is gone`,
        { bucket: row.bucket },
        { cause: error },
      );
    }
    if (replaced !== undefined && replaced !== row.blob_id) await blobs.drop(replaced);
    return objectOf(row);
  };

  return {
    find,
    async head(bucket, key) {
      const object = await find(bucket, key);
      if (!object) throw objectNotFound(key);
      return object;
    },

    async put(bucket, key, blob, facts, { conditions = {}, checksum } = {}) {
      const etag = blob.digests.md5;
      if (etag === undefined)
        throw new DomainError('internal', 'a received blob has no MD5', { blob: blob.id });
      try {
        const data = { blobId: blob.id, sizeBytes: blob.sizeBytes, etag, checksum, createdAt: clock() };
        return await publish(objectRow(bucket, key, facts, data), conditions);
      } catch (error) {
        await blobs.drop(blob.id);
        throw error;
      }
    },

    async copy(source, bucket, key, facts, { conditions = {}, checksum } = {}) {
      // The MD5 of the bytes, as for everything written in one piece; a multipart object whose
      // hashes aren't there yet lends its own ETag.
      const blob = await findBlob(catalog.db, source.blobId);
      const data = {
        blobId: source.blobId,
        sizeBytes: source.sizeBytes,
        etag: blob?.md5 ?? source.etag,
        checksum,
        createdAt: clock(),
      };
      try {
        return await publish(objectRow(bucket, key, facts, data), conditions);
      } catch (error) {
        // Also when the source was deleted, and its bytes with it, since it was looked up.
        if (error instanceof DomainError && error.kind === 'bucket-not-found' && blob !== undefined) {
          if ((await findBlob(catalog.db, source.blobId)) === undefined) throw objectNotFound(source.key);
        }
        throw error;
      }
    },

    async delete(bucket, keys) {
      const freed = await catalog.write((tx) => deleteObjects(tx, bucket.name, keys));
      for (const blob of new Set(freed)) await blobs.drop(blob);
    },

    async list(bucket, query) {
      const page = await walkKeys(query, (bounds) => objectsAfter(catalog.db, bucket.name, bounds));
      const entries = page.entries.map((entry) =>
        entry.item === undefined ? entry : { item: listedOf(entry.item) },
      );
      return { entries, isTruncated: page.isTruncated };
    },

    read: (object, range, signal) => blobs.stream(object.blobId, range, signal),

    async parts(object, after, limit) {
      if (object.partCount === undefined) return [];
      const rows = await objectPartsFrom(catalog.db, object.blobId, after, limit);
      return rows.map((row) => ({
        ordinal: row.ordinal + 1,
        start: row.start,
        sizeBytes: row.size,
        checksum: row.checksum ?? undefined,
      }));
    },
  };
}
