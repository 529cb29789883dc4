export interface JobRow {
  id: string;
  project_id: string;
  kind: string;
  kind_version: number;
  state: 'queued' | 'running' | 'done' | 'failed';
  image_id: string | null;
  /** The bytes it reads; nobody can delete them while this stands. */
  source_blob_id: string | null;
  created_at: number;
  /** Not before this moment: a retry waits. */
  run_at: number;
  started_at: number | null;
  ended_at: number | null;
  fence: number;
  lease_id: string | null;
  lease_until: number | null;
  worker: string | null;
  /** Resumes in a row without a new mark. */
  resumes: number;
  input: string;
  checkpoint: string | null;
  progress: string | null;
  error_kind: string | null;
  error_message: string | null;
  error_facts: string | null;
}

export interface JobsTables {
  jobs: JobRow;
}
