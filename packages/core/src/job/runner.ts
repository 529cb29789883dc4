import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Catalog } from '../catalog/database.ts';
import { endedChannel, forgetFinishedJobs, jobsChannel } from '../catalog/jobs.ts';
import { anyJobDue, claimJob, expireLeases, takeLeasesOver } from '../catalog/jobs-claim.ts';
import type { ClaimedJob } from '../catalog/jobs-claim.ts';
import { DrainSignal } from './failure.ts';
import type { JobHandler } from './handler.ts';
import { HeavySlots } from './heavy-slots.ts';
import { RunningAttempt } from './running-attempt.ts';

export interface RunnerOptions {
  readonly catalog: Catalog;
  readonly handlers: readonly JobHandler[];
  /** Name of this process among all that ever worked on the catalogue. */
  readonly worker?: string;
  /**
   * No other process can be working: it alone may open the store. Then all leases are taken over
   * at once at the start, and their marks are used.
   */
  readonly exclusive: boolean;
  /** Conversions and hash passes at the same time; default: cores. */
  readonly heavySlots?: number;
  /** Jobs at the same time, those included that wait for a heavy place. */
  readonly slots?: number;
  /** Running jobs of one project. */
  readonly projectLimit?: number;
  readonly leaseMs?: number;
  readonly heartbeatMs?: number;
  /** Without a heartbeat for this long, an attempt ends itself: before the lease can. */
  readonly selfAbortMs?: number;
  readonly pollMs?: number;
  /** How long finished jobs can be asked for. */
  readonly keepFinishedMs?: number;
  readonly now?: () => number;
  /** Told of what an operator should see. */
  readonly report?: (event: RunnerEvent) => void;
}

export interface RunnerEvent {
  readonly event: 'job-done' | 'job-failed' | 'job-error' | 'lease-lost' | 'poll-error';
  readonly jobId?: string;
  readonly error?: unknown;
}

export type RunnerSettings = Required<Omit<RunnerOptions, 'catalog' | 'handlers'>>;

const hour = 3_600_000;
/** Wait before warming up: requests of the first moment go first. */
const warmUpMs = 250;

/** Runs the jobs of a catalogue in this process. */
export class Runner {
  readonly #catalog: Catalog;
  readonly #handlers: ReadonlyMap<string, JobHandler>;
  readonly #settings: RunnerSettings;
  readonly #heavy: HeavySlots;
  readonly #running = new Map<string, { attempt: RunningAttempt; ended: Promise<void> }>();
  #unlisten: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #cleaner: NodeJS.Timeout | undefined;
  #warmer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = true;

  constructor(options: RunnerOptions) {
    this.#catalog = options.catalog;
    this.#handlers = new Map(options.handlers.map((handler) => [handler.kind, handler]));
    this.#settings = {
      worker: randomBytes(8).toString('hex'),
      heavySlots: availableParallelism(),
      slots: 16,
      projectLimit: 8,
      leaseMs: 20_000,
      heartbeatMs: 5_000,
      selfAbortMs: 14_000,
      pollMs: 1_000,
      keepFinishedMs: 48 * hour,
      now: Date.now,
      report: () => {},
      ...options,
    };
    this.#heavy = new HeavySlots(this.#settings.heavySlots);
  }

  /** Begin to work; resolves once leases of the past are dealt with. */
  async start(): Promise<void> {
    if (this.#settings.exclusive) await takeLeasesOver(this.#catalog);
    this.#stopped = false;
    const { wake } = this.#catalog;
    this.#unlisten = [
      wake.listen(jobsChannel, () => this.#look()),
      wake.listen(endedChannel, () => {
        for (const { attempt } of this.#running.values()) attempt.beat();
      }),
    ];
    this.#look();
    this.#clean();
    this.#cleaner = setInterval(() => this.#clean(), hour);
    this.#cleaner.unref();
    this.#warmer = setTimeout(() => {
      // Whatever is wrong shows again when a job needs it.
      for (const handler of this.#handlers.values()) handler.warmUp?.().catch(() => {});
    }, warmUpMs);
    this.#warmer.unref();
  }

  /**
   * Stop claiming, end the running attempts at their last mark and give their leases back.
   * @param drainMs at most this long; what is left then is taken over later
   */
  async stop(drainMs = 8_000): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#cleaner);
    clearTimeout(this.#warmer);
    for (const end of this.#unlisten) end();
    await this.#looking;
    for (const { attempt } of this.#running.values()) attempt.abort(new DrainSignal());
    const all = Promise.all([...this.#running.values()].map(({ ended }) => ended));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([all, new Promise<void>((resolve) => (timer = setTimeout(resolve, drainMs)))]);
    clearTimeout(timer);
  }

  /** Jobs that this process works on. */
  get running(): number {
    return this.#running.size;
  }

  /** Look for work now; hints that come meanwhile make it look once more. */
  #look(): void {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#looking = this.#claimAll()
      .catch((error: unknown) => this.#settings.report({ event: 'poll-error', error }))
      .finally(() => {
        this.#looking = undefined;
        if (this.#again) {
          this.#again = false;
          this.#look();
          return;
        }
        if (this.#stopped) return;
        const wait = this.#settings.pollMs * (0.8 + Math.random() * 0.4);
        this.#timer = setTimeout(() => this.#look(), wait);
      });
  }

  async #claimAll(): Promise<void> {
    const { slots, now, worker, leaseMs, projectLimit } = this.#settings;
    if (this.#running.size >= slots || !(await anyJobDue(this.#catalog, now))) return;
    await expireLeases(this.#catalog, now);
    const kinds = [...this.#handlers.values()].map(({ kind, version }) => ({ kind, version }));
    while (!this.#stopped && this.#running.size < slots) {
      const claimed = await claimJob(this.#catalog, {
        worker,
        kinds,
        leaseId: randomBytes(16).toString('hex'),
        leaseMs,
        projectLimit,
        exclude: [...this.#running.keys()],
        now,
      });
      if (!claimed) return;
      this.#begin(claimed);
    }
  }

  #begin(claimed: ClaimedJob): void {
    const handler = this.#handlers.get(claimed.row.kind);
    if (!handler) throw new Error(`no handler for jobs of kind ${claimed.row.kind}`);
    const attempt = new RunningAttempt({
      catalog: this.#catalog,
      settings: this.#settings,
      heavy: this.#heavy,
      handler,
      claimed,
    });
    const ended = attempt.run().finally(() => {
      this.#running.delete(claimed.row.id);
      this.#look();
    });
    this.#running.set(claimed.row.id, { attempt, ended });
  }

  #clean(): void {
    const { now, keepFinishedMs, report } = this.#settings;
    this.#catalog
      .write((tx) => forgetFinishedJobs(tx, now() - keepFinishedMs))
      .catch((error: unknown) => report({ event: 'poll-error', error }));
  }
}
