/**
 * Who may do what to a job and to its bytes: pure rules over rows that the caller holds locked.
 * The transactions of `core/catalog` and the exhaustive model (model.test.ts) call the same
 * functions, so that what the model proves is what runs.
 */

/** The right to work on a job: until the lease ends or somebody else claims it. */
export interface Lease {
  readonly jobId: string;
  /** Grows with each claim. */
  readonly fence: number;
  /** Random: a fence alone may repeat after a database failover that lost commits. */
  readonly leaseId: string;
}

export interface LeasedJob {
  readonly id: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed';
  readonly fence: number;
  readonly leaseId: string | null;
}

export interface AttemptBlob {
  readonly state: 'writing' | 'live';
  readonly jobId: string | null;
  readonly fence: number | null;
}

/** Only a waiting job is claimed; an expired lease first makes it wait again. */
export function mayClaim(job: LeasedJob): boolean {
  return job.state === 'queued';
}

/** Commit, fail, checkpoint and heartbeat: with the lease, or not at all. */
export function holdsLease(job: LeasedJob | undefined, lease: Lease): boolean {
  return job?.state === 'running' && job.fence === lease.fence && job.leaseId === lease.leaseId;
}

/** An attempt makes live what it wrote itself, nothing else. */
export function ownsBlob(blob: AttemptBlob | undefined, lease: Lease): boolean {
  return blob?.state === 'writing' && blob.jobId === lease.jobId && blob.fence === lease.fence;
}

/**
 * A new attempt goes on with what the one before wrote only if that one is known to have ended:
 * it gave its lease back, or its process is gone. One that merely lost its lease may still write.
 */
export function mayResume(blob: AttemptBlob | undefined, job: LeasedJob, writerEnded: boolean): boolean {
  return writerEnded && blob?.state === 'writing' && blob.jobId === job.id && blob.fence === job.fence;
}

/** The sweep forgets bytes that no attempt can commit any more. */
export function isAttemptOver(blob: AttemptBlob, job: LeasedJob | undefined): boolean {
  if (blob.state !== 'writing') return false;
  if (!job) return true;
  return job.state === 'done' || job.state === 'failed' || job.fence !== blob.fence;
}
