export interface BucketRow {
  name: string;
  project_id: string;
  domain_id: string;
  storage_class: string;
  created_at: number;
}

export interface BucketObjectRow {
  bucket: string;
  key: string;
  /** New at each publish: which bytes a pin means. */
  generation: string;
  blob_id: string;
  size: number;
  etag: string;
  /** Parts that `partNumber` addresses; null for what was written in one piece. */
  part_count: number | null;
  storage_class: string;
  headers: string;
  metadata: string;
  checksum_algorithm: string | null;
  checksum_type: string | null;
  checksum: string | null;
  upload_id: string | null;
  created_at: number;
}

export interface BucketUploadRow {
  /** Starts with the time of initiation in hex, so that ids sort by it. */
  id: string;
  bucket: string;
  key: string;
  project_id: string;
  user_id: string;
  user_name: string;
  storage_class: string;
  headers: string;
  metadata: string;
  checksum_algorithm: string | null;
  checksum_type: string | null;
  created_at: number;
}

export interface BucketPartRow {
  upload_id: string;
  part_number: number;
  blob_id: string;
  size: number;
  md5: string;
  checksum: string | null;
  created_at: number;
}

/** What a finished upload answered, so that a repeated Complete answers the same. */
export interface CompletedUploadRow {
  id: string;
  bucket: string;
  key: string;
  /** SHA-256 of the list of parts as it was given. */
  parts_digest: string;
  generation: string;
  completed_at: number;
}

/** The checksum with which a part was uploaded, shown by reads of the finished object's part. */
export interface PartChecksumRow {
  blob_id: string;
  ordinal: number;
  checksum: string;
}

export interface BucketsTables {
  buckets: BucketRow;
  bucket_objects: BucketObjectRow;
  bucket_uploads: BucketUploadRow;
  bucket_parts: BucketPartRow;
  completed_uploads: CompletedUploadRow;
  part_checksums: PartChecksumRow;
}
