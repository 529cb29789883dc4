import { bucketCalls } from './bucket-calls.ts';
import { defaultBucketSettings } from './deps.ts';
import type { BucketDeps, BucketSettings } from './deps.ts';
import { objectCalls } from './object-calls.ts';
import { sourceCalls } from './source-calls.ts';
import type { Buckets } from './types.ts';
import { uploadCalls } from './upload-calls.ts';
import { createUploadHasher } from './upload-hasher.ts';
import type { HasherDeps } from './upload-hasher.ts';

/** Collaborators, and settings where the defaults don't do. */
export type BucketsOptions = Pick<BucketDeps, 'catalog' | 'blobs'> &
  Pick<HasherDeps, 'createHashFollower'> & {
    readonly settings?: Partial<BucketSettings>;
    readonly clock?: () => number;
  };

/** The room of buckets over one catalogue and its blobs. */
export function createBuckets(options: BucketsOptions): Buckets {
  const deps: BucketDeps = {
    catalog: options.catalog,
    blobs: options.blobs,
    settings: { ...defaultBucketSettings, ...options.settings },
    clock: options.clock ?? Date.now,
  };
  const hasher = createUploadHasher(options);
  return {
    ...bucketCalls(deps, (uploadId) => hasher.forget(uploadId)),
    ...objectCalls(deps),
    ...uploadCalls(deps, hasher),
    ...sourceCalls(deps),
    close: () => hasher.close(),
  };
}
