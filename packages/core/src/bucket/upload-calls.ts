import {
  findUpload,
  insertUpload,
  partsAfter,
  removeUpload,
  replacePart,
  uploadsAfter,
  uploadsOlderThan,
  forgetCompletedUploads,
} from '../catalog/buckets-uploads.ts';
import { isForeignKeyViolation } from '../catalog/blobs-sweep.ts';
import { DomainError } from '../errors.ts';
import { completeUpload } from './complete.ts';
import type { BucketDeps } from './deps.ts';
import { uploadNotFound } from './refusals.ts';
import { newUploadId, partOf, uploadOf } from './records.ts';
import type { Buckets } from './types.ts';
import type { UploadHasher } from './upload-hasher.ts';
import { walkKeys } from './walk.ts';

/** Uploads aborted in one step of `expireUploads`. */
const expiryBatch = 100;

type UploadCalls = Pick<
  Buckets,
  | 'createUpload'
  | 'upload'
  | 'putPart'
  | 'listParts'
  | 'listUploads'
  | 'completeUpload'
  | 'abortUpload'
  | 'expireUploads'
>;

/** Objects that arrive in parts. Every part is a blob of its own from the moment it is acknowledged. */
export function uploadCalls(deps: BucketDeps, hasher: UploadHasher): UploadCalls {
  const { catalog, blobs, settings, clock } = deps;

  /** @returns whether there was such an upload */
  const abort = async (uploadId: string): Promise<boolean> => {
    for (;;) {
      try {
        const freed = await catalog.write((tx) => removeUpload(tx, uploadId));
        hasher.forget(uploadId);
        for (const blob of freed ?? []) await blobs.drop(blob);
        return freed !== undefined;
      } catch (error) {
        if (!isForeignKeyViolation(error)) throw error; // a part landed in this moment: once more
      }
    }
  };

  return {
    async createUpload(actor, bucket, key, facts, checksum) {
      const now = clock();
      const row = {
        id: newUploadId(now),
        bucket: bucket.name,
        key,
        project_id: actor.projectId ?? bucket.projectId,
        user_id: actor.userId,
        user_name: actor.userName,
        storage_class: facts.storageClass ?? bucket.storageClass,
        headers: JSON.stringify(facts.headers),
        metadata: JSON.stringify(facts.metadata),
        checksum_algorithm: checksum?.algorithm ?? null,
        checksum_type: checksum?.type ?? null,
        created_at: now,
      };
      try {
        await catalog.write((tx) => insertUpload(tx, row));
      } catch (error) {
        if (!isForeignKeyViolation(error)) throw error;
        throw new DomainError('bucket-not-found', `bucket ${bucket.name} is gone`, { bucket: bucket.name });
      }
      return uploadOf(row);
    },

    async upload(bucket, key, uploadId) {
      const row = await findUpload(catalog.db, uploadId);
      if (!row || row.bucket !== bucket.name || row.key !== key) throw uploadNotFound(uploadId);
      return uploadOf(row);
    },

    async putPart(upload, partNumber, blob, checksum) {
      const { md5 } = blob.digests;
      if (md5 === undefined)
        throw new DomainError('internal', 'a received blob has no MD5', { blob: blob.id });
      const row = {
        upload_id: upload.id,
        part_number: partNumber,
        blob_id: blob.id,
        size: blob.sizeBytes,
        md5,
        checksum: checksum ?? null,
        created_at: clock(),
      };
      let replaced: string | undefined;
      try {
        replaced = await catalog.write((tx) => replacePart(tx, row));
      } catch (error) {
        await blobs.drop(blob.id);
        throw isForeignKeyViolation(error) ? uploadNotFound(upload.id) : error;
      }
      const part = partOf(row);
      hasher.partArrived(upload.id, part);
      if (replaced !== undefined) await blobs.drop(replaced);
      return part;
    },

    async listParts(upload, after, limit) {
      const rows = await partsAfter(catalog.db, upload.id, after, limit + 1);
      return { parts: rows.slice(0, limit).map(partOf), isTruncated: limit > 0 && rows.length > limit };
    },

    async listUploads(bucket, query) {
      const page = await walkKeys(query, (bounds) => uploadsAfter(catalog.db, bucket.name, bounds));
      const entries = page.entries.map((entry) =>
        entry.item === undefined ? entry : { item: uploadOf(entry.item) },
      );
      return { entries, isTruncated: page.isTruncated };
    },

    completeUpload: (bucket, key, uploadId, parts, options) =>
      completeUpload(deps, hasher, { bucket, key, uploadId, parts, options }),

    async abortUpload(upload) {
      if (!(await abort(upload.id))) throw uploadNotFound(upload.id);
    },

    async expireUploads() {
      const before = clock() - settings.uploadLifeMs;
      let count = 0;
      for (;;) {
        const old = await uploadsOlderThan(catalog.db, before, expiryBatch);
        for (const { id } of old) if (await abort(id)) count += 1;
        if (old.length < expiryBatch) break;
      }
      await catalog.write((tx) => forgetCompletedUploads(tx, clock() - settings.completedMemoryMs));
      return count;
    },
  };
}
