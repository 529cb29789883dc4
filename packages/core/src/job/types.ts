/** A job as the catalogue knows it. Times are milliseconds UTC. */
export type JobState = 'queued' | 'running' | 'done' | 'failed';

export interface JobProgress {
  readonly stage: string; // detect, check, convert, hash, verify, activate
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
  readonly error: {
    readonly kind: string;
    readonly message: string;
    readonly facts?: Readonly<Record<string, unknown>>;
  } | null;
}
