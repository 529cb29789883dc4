import { randomBytes } from 'node:crypto';
import type { OwnedBucketRow } from '../catalog/buckets.ts';
import type { ListedObjectRow } from '../catalog/buckets-objects.ts';
import type { BucketObjectRow, BucketPartRow, BucketUploadRow } from '../catalog/tables/buckets.ts';
import type {
  Bucket,
  BucketObject,
  ChecksumAlgorithm,
  ChecksumType,
  ListedObject,
  StorageClass,
  Upload,
  UploadPart,
} from './types.ts';

/** Rows as the catalogue has them, records as callers see them. */
export function bucketOf(row: OwnedBucketRow): Bucket {
  return {
    name: row.name,
    projectId: row.project_id,
    domainId: row.domain_id,
    ownerName: row.owner_name,
    storageClass: row.storage_class as StorageClass,
    createdAt: row.created_at,
  };
}

type ChecksumColumns = Pick<BucketUploadRow, 'checksum_algorithm' | 'checksum_type'>;

function checksumKindOf(row: ChecksumColumns) {
  if (row.checksum_algorithm === null) return undefined;
  return {
    algorithm: row.checksum_algorithm as ChecksumAlgorithm,
    type: row.checksum_type as ChecksumType,
  };
}

export function objectOf(row: BucketObjectRow): BucketObject {
  const kind = checksumKindOf(row);
  return {
    bucket: row.bucket,
    key: row.key,
    generation: row.generation,
    blobId: row.blob_id,
    sizeBytes: row.size,
    etag: row.etag,
    storageClass: row.storage_class as StorageClass,
    headers: JSON.parse(row.headers) as Record<string, string>,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    checksum: kind === undefined || row.checksum === null ? undefined : { ...kind, value: row.checksum },
    partCount: row.part_count ?? undefined,
    uploadId: row.upload_id ?? undefined,
    createdAt: row.created_at,
  };
}

export function listedOf(row: ListedObjectRow): ListedObject {
  return {
    key: row.key,
    etag: row.etag,
    sizeBytes: row.size,
    storageClass: row.storage_class as StorageClass,
    createdAt: row.created_at,
    checksum: checksumKindOf(row),
  };
}

export function uploadOf(row: BucketUploadRow): Upload {
  return {
    id: row.id,
    bucket: row.bucket,
    key: row.key,
    projectId: row.project_id,
    userId: row.user_id,
    userName: row.user_name,
    storageClass: row.storage_class as StorageClass,
    headers: JSON.parse(row.headers) as Record<string, string>,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    checksum: checksumKindOf(row),
    createdAt: row.created_at,
  };
}

export function partOf(row: BucketPartRow): UploadPart {
  return {
    partNumber: row.part_number,
    blobId: row.blob_id,
    sizeBytes: row.size,
    md5: row.md5,
    checksum: row.checksum ?? undefined,
    createdAt: row.created_at,
  };
}

/** 32 hex digits. */
export const newId = (): string => randomBytes(16).toString('hex');

/** An id that sorts by `time` (ms): 12 hex digits of it, 20 random ones. */
export const newUploadId = (time: number): string =>
  Math.max(0, time).toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
