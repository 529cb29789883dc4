import { findBucket } from '../catalog/buckets.ts';
import { findObject, isCurrentGeneration } from '../catalog/buckets-objects.ts';
import { DomainError } from '../errors.ts';
import { can } from '../identity/policy.ts';
import type { BucketDeps } from './deps.ts';
import { bucketOf, objectOf } from './records.ts';
import type { Buckets } from './types.ts';

/** Bucket objects as what an image is registered from. */
export function sourceCalls({ catalog }: BucketDeps): Pick<Buckets, 'locate' | 'pin'> {
  return {
    async locate(actor, bucketName, key) {
      const row = await findBucket(catalog.db, bucketName);
      // Not allowed is told as absent: the dialects have one code for both.
      if (!row || !can(actor, 'bucket-read', row.project_id))
        throw new DomainError('source-bucket-not-found', `there is no readable bucket ${bucketName}`, {
          bucket: bucketName,
        });
      const bucket = bucketOf(row);
      if (bucket.storageClass !== 'STANDARD')
        throw new DomainError(
          'source-wrong-storage-class',
          `bucket ${bucketName} has storage class ${bucket.storageClass}; registering needs STANDARD`,
          { bucket: bucketName, storageClass: bucket.storageClass },
        );
      const found = await findObject(catalog.db, bucketName, key);
      if (!found || found.size === 0)
        throw new DomainError(
          'source-not-found',
          found ? 'the object is empty' : 'there is no such object in the bucket',
          { bucket: bucketName, key },
        );
      const { generation, blobId, sizeBytes, etag, storageClass } = objectOf(found);
      if (storageClass !== 'STANDARD')
        throw new DomainError(
          'source-wrong-storage-class',
          `the object has storage class ${storageClass}; registering needs STANDARD`,
          { bucket: bucketName, key, storageClass },
        );
      return { bucket: bucketName, key, generation, blobId, sizeBytes, etag, storageClass };
    },

    async pin(tx, pin) {
      if (await isCurrentGeneration(tx, pin)) return;
      throw new DomainError(
        'source-changed',
        `the object was overwritten or deleted; its ETag was "${pin.etag}"`,
        {
          bucket: pin.bucket,
          key: pin.key,
          etag: pin.etag,
        },
      );
    },
  };
}
