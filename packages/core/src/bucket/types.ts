export type StorageClass = 'STANDARD' | 'WARM' | 'COLD';

/** What registering needs to know of a bucket object (buckets.md 7: identity, pinning). */
export interface ObjectPin {
  readonly bucket: string;
  readonly key: string;
  readonly generation: string;
  readonly blobId: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly storageClass: StorageClass;
}
