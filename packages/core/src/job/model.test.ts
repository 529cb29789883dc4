import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as production from './guards.ts';
import type { AttemptBlob, Lease, LeasedJob } from './guards.ts';

/*
 * Every order in which workers can claim, write, commit, crash, hand back, expire and sweep, tried
 * breadth-first. A stalled worker is one that isn't scheduled. The guards are production's own.
 */

type Guards = Pick<typeof production, 'mayClaim' | 'holdsLease' | 'ownsBlob' | 'mayResume' | 'isAttemptOver'>;

interface Blob extends AttemptBlob {
  /** Bytes are in the store. */
  readonly bytes: boolean;
  /** Fences of the attempts whose lease was over when they wrote into it. */
  readonly strangers: readonly number[];
}

interface Worker {
  readonly phase: 'idle' | 'claimed' | 'written';
  readonly lease?: Lease;
  readonly blob?: number;
}

interface State {
  readonly job: LeasedJob & { readonly checkpoint: number | null };
  /** The blob that the active image refers to; null while it is `saving`. */
  readonly image: number | null;
  readonly commits: number;
  readonly blobs: readonly (Blob | null)[]; // by the fence that made them; null once swept
  readonly workers: readonly Worker[];
  /** What went wrong in the step that led here. */
  readonly fault?: string;
}

interface Model {
  readonly workers: number;
  readonly attempts: number;
  readonly guards: Guards;
  /** The image is made active before the bytes are there. */
  readonly factsFirst?: boolean;
}

const jobId = 'job';

function start(model: Model): State {
  return {
    job: { id: jobId, state: 'queued', fence: 0, leaseId: null, checkpoint: null },
    image: null,
    commits: 0,
    blobs: [],
    workers: Array.from({ length: model.workers }, () => ({ phase: 'idle' }) as const),
  };
}

function steps(state: State, model: Model): [string, State][] {
  const next: [string, State][] = [];
  state.workers.forEach((worker, index) => {
    for (const [name, action] of Object.entries(workerActions)) {
      const after = action(state, worker, index, model);
      if (after) next.push([`${name} ${index}`, after]);
    }
  });
  for (const [name, action] of Object.entries(clockActions)) {
    const after = action(state, model);
    if (after) next.push([name, after]);
  }
  return next;
}

const set = <T>(list: readonly T[], index: number, value: T): T[] =>
  Object.assign([...list], { [index]: value });

const workerActions: Record<
  string,
  (state: State, worker: Worker, index: number, model: Model) => State | undefined
> = {
  claim(state, worker, index, { guards, attempts }) {
    const { job } = state;
    if (worker.phase !== 'idle' || job.fence >= attempts || !guards.mayClaim(job)) return undefined;
    const fence = job.fence + 1;
    const lease = { jobId, fence, leaseId: `lease ${fence}` };
    const at = job.checkpoint;
    const found = at === null ? undefined : (state.blobs[at] ?? undefined);
    const resumes = at !== null && found !== undefined && guards.mayResume(found, job, true);
    const blob = resumes ? at : state.blobs.length;
    const content: Blob = resumes
      ? { ...found, fence }
      : { state: 'writing', jobId, fence, bytes: false, strangers: [] };
    return {
      ...state,
      job: { ...job, state: 'running', fence, leaseId: lease.leaseId, checkpoint: null },
      blobs: set(state.blobs, blob, content),
      workers: set(state.workers, index, { phase: 'claimed', lease, blob }),
    };
  },
  write(state, worker, index) {
    if (worker.phase !== 'claimed' || worker.blob === undefined || !worker.lease) return undefined;
    const blob = state.blobs[worker.blob];
    const stranger = blob && blob.fence !== worker.lease.fence ? [worker.lease.fence] : [];
    return {
      ...state,
      // Swept bytes have no name any more: what is written then is nowhere.
      blobs: blob
        ? set(state.blobs, worker.blob, { ...blob, bytes: true, strangers: [...blob.strangers, ...stranger] })
        : state.blobs,
      workers: set(state.workers, index, { ...worker, phase: 'written' }),
    };
  },
  commit(state, worker, index, { guards, factsFirst }) {
    const ready = factsFirst ? 'claimed' : 'written';
    if (worker.phase !== ready || worker.blob === undefined || !worker.lease) return undefined;
    const blob = state.blobs[worker.blob] ?? undefined;
    const idle = set<Worker>(state.workers, index, { phase: 'idle' });
    if (!guards.holdsLease(state.job, worker.lease) || !guards.ownsBlob(blob, worker.lease)) {
      return { ...state, workers: idle };
    }
    const stranger = !production.holdsLease(state.job, worker.lease);
    return {
      ...state,
      job: { ...state.job, state: 'done', leaseId: null },
      image: worker.blob,
      commits: state.commits + 1,
      blobs: blob ? set(state.blobs, worker.blob, { ...blob, state: 'live' }) : state.blobs,
      workers: idle,
      ...(stranger ? { fault: 'commit without the lease' } : {}),
    };
  },
  crash(state, worker, index) {
    if (worker.phase === 'idle') return undefined;
    return { ...state, workers: set<Worker>(state.workers, index, { phase: 'idle' }) };
  },
  handBack(state, worker, index, { guards }) {
    if (worker.phase === 'idle' || !worker.lease || worker.blob === undefined) return undefined;
    if (!guards.holdsLease(state.job, worker.lease)) return undefined;
    return {
      ...state,
      job: { ...state.job, state: 'queued', leaseId: null, checkpoint: worker.blob },
      workers: set<Worker>(state.workers, index, { phase: 'idle' }),
    };
  },
};

const clockActions: Record<string, (state: State, model: Model) => State | undefined> = {
  expire(state) {
    if (state.job.state !== 'running') return undefined;
    return { ...state, job: { ...state.job, state: 'queued', leaseId: null, checkpoint: null } };
  },
  /** The one process that may open the store starts: nobody else can be left. */
  takeOver(state) {
    if (state.job.state !== 'running' || state.workers.some((worker) => worker.phase !== 'idle')) {
      return undefined;
    }
    const checkpoint = state.blobs.findIndex((blob) => blob?.fence === state.job.fence);
    return {
      ...state,
      job: { ...state.job, state: 'queued', leaseId: null, checkpoint: checkpoint < 0 ? null : checkpoint },
    };
  },
  /** The image is deleted. */
  cancel(state) {
    if (state.job.state !== 'queued' && state.job.state !== 'running') return undefined;
    return { ...state, job: { ...state.job, state: 'failed', leaseId: null } };
  },
  sweep(state, { guards }) {
    let fault: string | undefined;
    let swept = 0;
    const blobs = state.blobs.map((blob, id) => {
      if (!blob || !guards.isAttemptOver(blob, state.job)) return blob;
      const live = state.workers.some(
        (worker) => worker.blob === id && worker.lease && production.holdsLease(state.job, worker.lease),
      );
      if (live) fault = 'swept a live attempt';
      if (state.image === id) fault = 'swept what is referred to';
      swept += 1;
      return null;
    });
    if (swept === 0) return undefined;
    return { ...state, blobs, ...(fault === undefined ? {} : { fault }) };
  },
};

function violation(state: State): string | undefined {
  if (state.fault !== undefined) return state.fault;
  if (state.commits > 1) return 'two commits';
  if (state.image === null) return undefined;
  const blob = state.blobs[state.image];
  if (!blob?.bytes || blob.state !== 'live') return 'active without bytes';
  if (blob.strangers.length) return 'bytes of another attempt';
  return undefined;
}

interface Explored {
  readonly states: number;
  readonly steps: number;
  readonly found?: string;
  readonly path?: readonly string[];
}

function explore(model: Model): Explored {
  const first = start(model);
  const seen = new Map<string, { from: string | undefined; by: string }>();
  const key = (state: State): string => JSON.stringify(state);
  seen.set(key(first), { from: undefined, by: '' });
  let frontier = [first];
  let taken = 0;
  while (frontier.length) {
    const following: State[] = [];
    for (const state of frontier) {
      const from = key(state);
      const all = steps(state, model);
      // I6: who can do nothing more has come to an end, or used all the attempts of the model.
      const stuck = all.length === 0 && !final.has(state.job.state) && state.job.fence < model.attempts;
      if (stuck) return { states: seen.size, steps: taken, found: 'stuck' };
      for (const [by, after] of all) {
        taken += 1;
        const to = key(after);
        if (seen.has(to)) continue;
        seen.set(to, { from, by });
        const found = violation(after);
        if (found !== undefined) {
          const path: string[] = [];
          for (let at: string | undefined = to; at !== undefined; at = seen.get(at)?.from) {
            path.unshift(seen.get(at)?.by ?? '');
          }
          return { states: seen.size, steps: taken, found, path: path.slice(1) };
        }
        following.push(after);
      }
    }
    frontier = following;
  }
  return { states: seen.size, steps: taken };
}

const final = new Set(['done', 'failed']);
const guards: Guards = production;
const without = (removed: Partial<Guards>): Guards => ({ ...guards, ...removed });

for (const [workers, attempts, atLeast] of [
  [2, 3, 1_500],
  [3, 4, 20_000],
] as const) {
  test(`model: ${workers} workers, ${attempts} attempts: no order of steps breaks a promise`, () => {
    const explored = explore({ workers, attempts, guards });
    assert.equal(explored.found, undefined, explored.path?.join(', '));
    assert.ok(explored.states > atLeast, `${explored.states} states`);
  });
}

const small = { workers: 2, attempts: 3 };

test('model: without the fence, somebody without the lease commits', () => {
  const weak = without({ holdsLease: (job) => job?.state === 'running' });
  assert.equal(explore({ ...small, guards: weak }).found, 'commit without the lease');
});

test('model: without any check of the attempt, an image becomes active without bytes', () => {
  const weak = without({ holdsLease: (job) => job?.state === 'running', ownsBlob: () => true });
  // The first fault on the way is the missing lease; let it pass and see where it leads.
  const found = exploreTo({ ...small, guards: weak }, 'active without bytes');
  assert.deepEqual(found?.slice(-1)[0]?.startsWith('commit'), true);
});

test('model: bytes of an attempt that may still write are never taken over', () => {
  // An expired lease then keeps its checkpoint, as if its worker were known to be gone.
  const kept = { ...clockActions };
  clockActions['expire'] = (state) =>
    state.job.state === 'running'
      ? {
          ...state,
          job: { ...state.job, state: 'queued', leaseId: null, checkpoint: state.blobs.length - 1 },
        }
      : undefined;
  try {
    assert.equal(explore({ ...small, guards }).found, 'bytes of another attempt');
  } finally {
    Object.assign(clockActions, kept);
  }
});

test('model: a sweep that ignores attempts is found out', () => {
  const weak = without({ isAttemptOver: (blob) => blob.state === 'writing' });
  assert.equal(explore({ ...small, guards: weak }).found, 'swept a live attempt');
});

test('model: a sweep that takes live blobs is found out', () => {
  const weak = without({ isAttemptOver: (_, job) => job?.state === 'done' });
  assert.equal(explore({ ...small, guards: weak }).found, 'swept what is referred to');
});

test('model: a claim of a job that is done or running is found out', () => {
  const weak = without({ mayClaim: () => true });
  assert.equal(explore({ ...small, guards: weak }).found, 'two commits');
});

test('model: facts before bytes are found out in two steps', () => {
  const explored = explore({ ...small, guards, factsFirst: true });
  assert.equal(explored.found, 'active without bytes');
  assert.deepEqual(explored.path, ['claim 0', 'commit 0']);
});

/** The shortest way to a fault, past others. */
function exploreTo(model: Model, wanted: string): readonly string[] | undefined {
  const queue: { state: State; path: readonly string[] }[] = [{ state: start(model), path: [] }];
  const seen = new Set<string>();
  for (const { state, path } of queue) {
    for (const [by, faulty] of steps(state, model)) {
      const { fault: _, ...after } = faulty;
      const text = JSON.stringify(after);
      if (seen.has(text)) continue;
      seen.add(text);
      if (violation(after) === wanted) return [...path, by];
      queue.push({ state: after, path: [...path, by] });
    }
  }
  return undefined;
}
