import type { JobProgress } from './types.ts';

export interface StageShare {
  readonly stage: string;
  /** Share of the whole job's time; any unit, they are compared with each other. */
  readonly weight: number;
}

/** Rates are taken over this time, in milliseconds: long enough to be calm, short enough to be true. */
const windowMs = 10_000;
const sampleMs = 200;

interface Sample {
  readonly at: number;
  readonly fraction: number;
  readonly bytes: number;
}

/**
 * How far a job is. The fraction never falls, whatever is learnt on the way: a new plan divides
 * what is left. It reaches 1 only with the job's end, and each stage that takes time has a share,
 * so that it doesn't wait just below.
 */
export class ProgressTracker {
  readonly #clock: () => number;
  readonly #done = new Map<string, number>();
  #shares: readonly StageShare[] = [];
  #stage = 'queued';
  #bytesDone = 0;
  #bytesTotal = 0;
  /** Fraction shown, and raw fraction, when the plan was made. */
  #base = 0;
  #rawBase = 0;
  #samples: Sample[] = [];
  #changes = 0;
  readonly #earlier: Pick<JobProgress, 'stage' | 'bytesDone'> | undefined;

  /**
   * @param clock monotonic milliseconds
   * @param reached fraction that an earlier attempt showed
   * @param earlier where its bytes stood: the same stage doesn't go back behind them
   */
  constructor(clock: () => number, reached = 0, earlier?: Pick<JobProgress, 'stage' | 'bytesDone'>) {
    this.#clock = clock;
    this.#base = Math.min(Math.max(reached, 0), 0.99);
    this.#earlier = earlier;
  }

  /** Grows with each change: who writes it down knows whether there is anything new. */
  get changes(): number {
    return this.#changes;
  }

  /** Say which stages are left and how long each takes; stages that are done may be named as well. */
  plan(shares: readonly StageShare[]): void {
    this.#base = this.fraction;
    this.#shares = shares;
    this.#rawBase = this.#raw();
    this.#changes += 1;
  }

  /** A stage begins; its bytes count from 0, or from where an earlier attempt showed them. */
  enter(stage: string, bytesTotal = 0): void {
    this.#stage = stage;
    this.#bytesDone = this.#earlier?.stage === stage ? Math.min(this.#earlier.bytesDone, bytesTotal) : 0;
    this.#bytesTotal = bytesTotal;
    this.#samples = [];
    this.#changes += 1;
    this.#sample();
  }

  /** A stage is over. */
  leave(stage: string): void {
    this.#done.set(stage, 1);
    if (stage === this.#stage) this.#bytesDone = this.#bytesTotal;
    this.#changes += 1;
  }

  /** Bytes of a stage; one that isn't the current one moves the fraction alone. */
  update(stage: string, bytesDone: number, bytesTotal: number): void {
    const ratio = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 0;
    this.#done.set(stage, Math.max(ratio, this.#done.get(stage) ?? 0));
    if (stage === this.#stage) {
      this.#bytesDone = Math.max(this.#bytesDone, bytesDone);
      this.#bytesTotal = bytesTotal;
    }
    this.#changes += 1;
    this.#sample();
  }

  /** 0 … below 1 over the whole job, never falling. */
  get fraction(): number {
    const left = 1 - this.#rawBase;
    const moved = left > 0 ? (this.#raw() - this.#rawBase) / left : 0;
    return Math.min(0.999, this.#base + (1 - this.#base) * Math.max(0, moved));
  }

  current(): JobProgress {
    const fraction = this.fraction;
    const first = this.#samples[0];
    const seconds = first ? (this.#clock() - first.at) / 1000 : 0;
    const known = first !== undefined && seconds >= 0.5;
    const bytesPerSecond = known ? Math.max(0, (this.#bytesDone - first.bytes) / seconds) : 0;
    const fractionPerSecond = known ? (fraction - first.fraction) / seconds : 0;
    const etaSeconds = fractionPerSecond > 1e-9 ? Math.ceil((1 - fraction) / fractionPerSecond) : null;
    return {
      stage: this.#stage,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond: Math.round(bytesPerSecond),
      etaSeconds,
      fraction,
    };
  }

  #raw(): number {
    let done = 0;
    let all = 0;
    for (const { stage, weight } of this.#shares) {
      all += weight;
      done += weight * (this.#done.get(stage) ?? 0);
    }
    return all > 0 ? done / all : 0;
  }

  #sample(): void {
    const at = this.#clock();
    const last = this.#samples.at(-1);
    if (last && at - last.at < sampleMs) return;
    this.#samples.push({ at, fraction: this.fraction, bytes: this.#bytesDone });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > windowMs) this.#samples.shift();
  }
}
