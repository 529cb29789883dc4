import type { JobFailure } from '../catalog/jobs.ts';
import type { Lease } from './guards.ts';
import type { ProgressTracker } from './progress.ts';

/** One run of a job by a worker that holds its lease. */
export interface Attempt {
  readonly jobId: string;
  readonly projectId: string;
  readonly imageId: string | null;
  readonly lease: Lease;
  /** As it was queued. */
  readonly input: unknown;
  /** What the attempt before kept, if this one goes on where it stopped. */
  readonly checkpoint: unknown;
  /** Aborted when the lease is lost, the job was ended by somebody else, or the process stops. */
  readonly signal: AbortSignal;
  readonly progress: ProgressTracker;
  /**
   * Keep what the next attempt needs.
   * @param moved there is a new mark, so that resumes are counted anew
   * @throws {DomainError} `lease-lost`
   */
  save(checkpoint: object, moved: boolean): Promise<void>;
  /** Wait for a place among the work that fills cores. @returns a function that gives it back */
  enterHeavy(): Promise<() => void>;
}

/** What jobs of one kind do. */
export interface JobHandler {
  readonly kind: string;
  /** Highest version of its input and checkpoints that this program understands. */
  readonly version: number;
  /** Do the work; ends with the transaction that finishes the job. Run again, it gives the same result. */
  run(attempt: Attempt): Promise<void>;
  /**
   * The work can't be done: say so in one transaction, and leave no bytes.
   * @throws {DomainError} `lease-lost`
   */
  fail(attempt: Attempt, failure: JobFailure): Promise<void>;
  /** Make ready what the first job would otherwise wait for (threads); called soon after the start. */
  warmUp?(): Promise<void>;
}
