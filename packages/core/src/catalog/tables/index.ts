import type { BlobsTables } from './blobs.ts';
import type { BucketsTables } from './buckets.ts';
import type { IdentityTables } from './identity.ts';
import type { ImagesTables } from './images.ts';
import type { JobsTables } from './jobs.ts';

/** Every table, by room; `catalog/` is the only place with SQL. */
export interface Tables extends BlobsTables, IdentityTables, ImagesTables, BucketsTables, JobsTables {}
