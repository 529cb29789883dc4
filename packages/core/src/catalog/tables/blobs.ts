export interface BlobRow {
  id: string;
  state: 'writing' | 'live';
  kind: 'whole' | 'parts';
  size: number;
  md5: string | null;
  sha256: string | null;
  sha512: string | null;
  format: string | null;
  virtual_size: number | null;
  report: string | null;
  job_id: string | null;
  fence: number | null;
  writer: string | null;
  created_at: number;
}

export interface BlobPartRow {
  blob_id: string;
  ordinal: number;
  part_blob_id: string;
  start: number;
  size: number;
}

export interface BlobsTables {
  blobs: BlobRow;
  blob_parts: BlobPartRow;
  doomed_blobs: { id: string; at: number };
}
