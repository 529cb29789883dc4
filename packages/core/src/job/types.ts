/** A job as the catalogue knows it. Times are milliseconds UTC. */
export type JobState = 'queued' | 'running' | 'done' | 'failed';

export interface JobProgress {
  readonly stage: string; // queued, detect, check, convert, hash, verify, activate
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
  /** 0 … 1 over the whole job, never falling. */
  readonly fraction: number;
}

export interface Job {
  readonly id: string; // 32 hex
  readonly projectId: string;
  readonly kind: 'register';
  readonly state: JobState;
  readonly imageId: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly progress: JobProgress | null;
  /** What is registered, as it was when the job was accepted. */
  readonly source: { readonly bucket: string; readonly key: string; readonly etag: string } | null;
  readonly error: {
    readonly kind: string;
    readonly message: string;
    readonly facts?: Readonly<Record<string, unknown>>;
  } | null;
}

/** `core/job`: what others may ask about jobs. */
export interface Jobs {
  /**
   * A job of a project.
   * @throws {DomainError} `job-not-found` for one that is unknown or another project's
   */
  get(projectId: string, jobId: string): Promise<Job>;
}
