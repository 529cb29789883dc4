import {
  bucketUsage,
  bucketsAfter,
  deleteBucketRow,
  findBucket,
  hasObjects,
  insertBucket,
  setBucketStorageClass,
} from '../catalog/buckets.ts';
import { removeUpload, uploadIdsOf } from '../catalog/buckets-uploads.ts';
import { isForeignKeyViolation } from '../catalog/blobs-sweep.ts';
import { DomainError } from '../errors.ts';
import { can, reach } from '../identity/policy.ts';
import type { BucketDeps } from './deps.ts';
import { afterPrefix, compareKeys } from './key-order.ts';
import { isBucketName } from './names.ts';
import { bucketNotFound } from './refusals.ts';
import { bucketOf } from './records.ts';
import type { Bucket, Buckets } from './types.ts';

type BucketCalls = Pick<
  Buckets,
  'createBucket' | 'listBuckets' | 'open' | 'exists' | 'deleteBucket' | 'setStorageClass' | 'usage'
>;

/** Buckets themselves: one namespace over all projects. */
export function bucketCalls(
  { catalog, blobs, settings, clock }: BucketDeps,
  uploadEnded: (uploadId: string) => void,
): BucketCalls {
  const load = async (name: string): Promise<Bucket> => {
    const row = await findBucket(catalog.db, name);
    if (!row) throw bucketNotFound(name);
    return bucketOf(row);
  };
  return {
    async createBucket(actor, name, storageClass = 'STANDARD') {
      if (!isBucketName(name))
        throw new DomainError('bucket-name-invalid', 'a bucket name has 3 to 63 of a-z 0-9 . -', {
          bucket: name,
        });
      const projectId = actor.projectId;
      if (projectId === undefined || !can(actor, 'bucket-write', projectId))
        throw new DomainError('not-authorized', 'making a bucket needs a project and a role that may write');
      const row = {
        name,
        project_id: projectId,
        domain_id: actor.domainId,
        storage_class: storageClass,
        created_at: clock(),
      };
      const made = await catalog.write((tx) => insertBucket(tx, row, settings.bucketsPerProject));
      if (made === 'limit')
        throw new DomainError(
          'bucket-limit',
          `the project has ${settings.bucketsPerProject} buckets already`,
          {
            limit: settings.bucketsPerProject,
          },
        );
      if (made !== 'made') {
        const own = made.taken.project_id === projectId;
        throw new DomainError(own ? 'bucket-owned' : 'bucket-exists', `bucket ${name} exists`, {
          bucket: name,
        });
      }
      return load(name);
    },

    async listBuckets(actor, { prefix, after, limit }) {
      if (reach(actor, 'bucket-read') === 'no' || actor.projectId === undefined)
        throw new DomainError('not-authorized', 'listing buckets needs a project and a role that may read');
      const fromPrefix = after === '' || compareKeys(after, prefix) < 0;
      const rows = await bucketsAfter(catalog.db, actor.projectId, {
        from: fromPrefix ? prefix : after,
        inclusive: fromPrefix,
        below: prefix === '' ? undefined : afterPrefix(prefix),
        limit: limit + 1,
      });
      return { buckets: rows.slice(0, limit).map(bucketOf), isTruncated: rows.length > limit };
    },

    async open(actor, name, action) {
      const bucket = await load(name);
      if (!can(actor, action, bucket.projectId))
        throw new DomainError('not-authorized', `the credential may not do ${action} in bucket ${name}`, {
          bucket: name,
        });
      return bucket;
    },

    exists: async (name) => (await findBucket(catalog.db, name)) !== undefined,

    async deleteBucket(bucket) {
      const notEmpty = () =>
        new DomainError('bucket-not-empty', `bucket ${bucket.name} has objects`, { bucket: bucket.name });
      const freed: string[] = [];
      const ended: string[] = [];
      try {
        await catalog.write(async (tx) => {
          freed.length = ended.length = 0;
          if (await hasObjects(tx, bucket.name)) throw notEmpty();
          for (const { id } of await uploadIdsOf(tx, bucket.name)) {
            freed.push(...((await removeUpload(tx, id)) ?? []));
            ended.push(id);
          }
          if (!(await deleteBucketRow(tx, bucket.name))) throw bucketNotFound(bucket.name);
        });
      } catch (error) {
        // Somebody put an object or began an upload in this moment.
        throw isForeignKeyViolation(error) ? notEmpty() : error;
      }
      ended.forEach(uploadEnded);
      for (const blob of freed) await blobs.drop(blob);
    },

    setStorageClass: (bucket, storageClass) =>
      catalog.write((tx) => setBucketStorageClass(tx, bucket.name, storageClass)),

    usage: (bucket) => bucketUsage(catalog.db, bucket.name),
  };
}
