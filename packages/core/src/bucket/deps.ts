import type { Blobs } from '../blob/types.ts';
import type { Catalog } from '../catalog/database.ts';

export interface BucketSettings {
  readonly bucketsPerProject: number;
  /** Unfinished uploads older than this are aborted. */
  readonly uploadLifeMs: number;
  /** How long a repeated Complete answers as the first one did. */
  readonly completedMemoryMs: number;
}

export const defaultBucketSettings: BucketSettings = {
  bucketsPerProject: 100,
  uploadLifeMs: 7 * 86_400_000,
  completedMemoryMs: 86_400_000,
};

export interface BucketDeps {
  readonly catalog: Catalog;
  readonly blobs: Blobs;
  readonly settings: BucketSettings;
  /** Milliseconds since 1970, UTC. */
  clock(): number;
}
