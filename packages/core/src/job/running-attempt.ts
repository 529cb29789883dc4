import { performance } from 'node:perf_hooks';
import type { Catalog } from '../catalog/database.ts';
import { giveLeaseBack, renewLease, saveCheckpoint } from '../catalog/jobs.ts';
import type { ClaimedJob } from '../catalog/jobs-claim.ts';
import { DomainError } from '../errors.ts';
import { DrainSignal, failureOf, isLeaseLost, leaseLost } from './failure.ts';
import type { Attempt, JobHandler } from './handler.ts';
import type { HeavySlots } from './heavy-slots.ts';
import { ProgressTracker } from './progress.ts';
import type { RunnerSettings } from './runner.ts';
import type { JobProgress } from './types.ts';

/** Resumes in a row without a new mark, after which a job is given up. */
const resumeLimit = 3;
/** How often the heart looks whether to beat, in milliseconds; progress is written as often. */
const tickMs = 1_000;

interface AttemptOptions {
  readonly catalog: Catalog;
  readonly settings: RunnerSettings;
  readonly heavy: HeavySlots;
  readonly handler: JobHandler;
  readonly claimed: ClaimedJob;
}

/** One attempt: the handler's work, its heartbeat, and how it ends. */
export class RunningAttempt {
  readonly #options: AttemptOptions;
  readonly #abort = new AbortController();
  readonly #attempt: Attempt;
  readonly #progress: ProgressTracker;
  #lastBeat = performance.now();
  #lastTry = performance.now();
  #writtenChanges = 0;
  #beating = false;
  #over = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    const { row, lease } = options.claimed;
    const before = parse(row.progress) as JobProgress | undefined;
    this.#progress = new ProgressTracker(() => performance.now(), before?.fraction, before);
    this.#attempt = {
      jobId: row.id,
      projectId: row.project_id,
      imageId: row.image_id,
      lease,
      input: parse(row.input),
      checkpoint: parse(row.checkpoint),
      signal: this.#abort.signal,
      progress: this.#progress,
      save: (checkpoint, moved) => this.#save(checkpoint, moved),
      enterHeavy: () => options.heavy.enter(row.project_id, this.#abort.signal),
    };
  }

  abort(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** Renew the lease now; tells soon if it is lost. */
  beat(): void {
    if (this.#beating || this.#over) return;
    this.#beating = true;
    this.#lastTry = performance.now();
    const { catalog, claimed, settings } = this.#options;
    const changes = this.#progress.changes;
    const progress = changes === this.#writtenChanges ? undefined : JSON.stringify(this.#progress.current());
    renewLease(catalog, claimed.lease, { leaseMs: settings.leaseMs, progress, now: settings.now })
      .then(
        (held) => {
          if (!held && !this.#over) this.abort(leaseLost(claimed.row.id));
          this.#lastBeat = performance.now();
          this.#writtenChanges = changes;
        },
        () => {}, // the database is away; the tick judges for how long
      )
      .finally(() => {
        this.#beating = false;
      });
  }

  /** Work to the end, whatever it is; never rejects. */
  async run(): Promise<void> {
    const { settings, claimed } = this.#options;
    const ticker = setInterval(() => this.#tick(), Math.min(tickMs, settings.heartbeatMs));
    try {
      await this.#work();
    } catch (error) {
      settings.report({ event: 'job-error', jobId: claimed.row.id, error });
    } finally {
      this.#over = true;
      clearInterval(ticker);
    }
  }

  #tick(): void {
    const { settings, claimed } = this.#options;
    const now = performance.now();
    if (now - this.#lastBeat > settings.selfAbortMs) {
      // Before the lease can end and somebody else begins: with the database's answer or without.
      this.abort(leaseLost(claimed.row.id));
      return;
    }
    if (now - this.#lastTry >= settings.heartbeatMs || this.#progress.changes !== this.#writtenChanges)
      this.beat();
  }

  async #work(): Promise<void> {
    const { handler, claimed, settings } = this.#options;
    const jobId = claimed.row.id;
    try {
      if (claimed.row.resumes > resumeLimit) {
        throw new DomainError(
          'internal',
          `job ${jobId} was resumed ${resumeLimit} times without getting further`,
        );
      }
      await handler.run(this.#attempt);
      settings.report({ event: 'job-done', jobId });
    } catch (caught) {
      // What a step makes of an abort says less than why it was aborted.
      const error: unknown = this.#abort.signal.aborted ? this.#abort.signal.reason : caught;
      if (isLeaseLost(error)) settings.report({ event: 'lease-lost', jobId });
      else if (error instanceof DrainSignal) await giveLeaseBack(this.#options.catalog, claimed.lease);
      else await this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<void> {
    const { handler, claimed, settings } = this.#options;
    const jobId = claimed.row.id;
    const failure = failureOf(error, jobId);
    try {
      await handler.fail(this.#attempt, failure);
      settings.report({ event: 'job-failed', jobId, error });
    } catch (another) {
      if (!isLeaseLost(another)) throw another;
      settings.report({ event: 'lease-lost', jobId });
    }
  }

  async #save(checkpoint: object, moved: boolean): Promise<void> {
    this.#abort.signal.throwIfAborted();
    const { catalog, claimed } = this.#options;
    if (await saveCheckpoint(catalog, claimed.lease, JSON.stringify(checkpoint), moved)) return;
    const lost = leaseLost(claimed.row.id);
    this.abort(lost);
    throw lost;
  }
}

function parse(text: string | null): unknown {
  return text === null ? undefined : (JSON.parse(text) as unknown);
}
