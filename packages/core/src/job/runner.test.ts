import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiskError } from '@imageyard/engine';
import { openSqlite } from '../catalog/database.ts';
import type { Catalog } from '../catalog/database.ts';
import {
  cancelImageJobs,
  endedChannel,
  failJob,
  finishJob,
  insertJob,
  jobsChannel,
} from '../catalog/jobs.ts';
import { migrate } from '../catalog/migrations/index.ts';
import { leaseLost } from './failure.ts';
import type { Attempt, JobHandler } from './handler.ts';
import { createJobs } from './jobs.ts';
import { Runner } from './runner.ts';
import type { RunnerEvent, RunnerOptions } from './runner.ts';

async function newCatalog(): Promise<Catalog> {
  const catalog = openSqlite(':memory:');
  await migrate(catalog);
  after(() => catalog.close());
  return catalog;
}

/** A kind of job that does what the test says. */
function handlerOf(catalog: Catalog, work: (attempt: Attempt) => Promise<void>): JobHandler {
  return {
    kind: 'register',
    version: 1,
    async run(attempt) {
      await work(attempt);
      const done = await catalog.write((tx) => finishJob(tx, 'sqlite', attempt.lease, Date.now));
      if (!done) throw leaseLost(attempt.jobId);
    },
    async fail(attempt, failure) {
      const done = await catalog.write((tx) => failJob(tx, 'sqlite', attempt.lease, failure, Date.now));
      if (!done) throw leaseLost(attempt.jobId);
    },
  };
}

async function queue(catalog: Catalog, projectId = 'p', imageId: string | null = null): Promise<string> {
  const id = randomBytes(16).toString('hex');
  const job = { id, projectId, kind: 'register', kindVersion: 1, imageId, sourceBlobId: null, input: '{}' };
  assert.ok(await catalog.write((tx) => insertJob(tx, 'sqlite', job, 40, Date.now)));
  catalog.wake.notify(jobsChannel);
  return id;
}

function runner(
  catalog: Catalog,
  work: (attempt: Attempt) => Promise<void>,
  more: Partial<RunnerOptions> = {},
) {
  const events: RunnerEvent[] = [];
  const made = new Runner({
    catalog,
    handlers: [handlerOf(catalog, work)],
    exclusive: true,
    pollMs: 20,
    report: (event) => void events.push(event),
    ...more,
  });
  after(() => made.stop(100));
  return { runner: made, events };
}

async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 5) {
    if (waited > 5000) assert.fail(`waited in vain: ${what}`);
    await sleep(5);
  }
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

test('runner: a queued job is done, and its record says so', async () => {
  const catalog = await newCatalog();
  const made = runner(catalog, () => Promise.resolve());
  await made.runner.start();
  const id = await queue(catalog);
  const jobs = createJobs(catalog);
  await until(async () => (await jobs.get('p', id)).state === 'done', 'done');
  const job = await jobs.get('p', id);
  assert.equal(job.progress?.fraction, 1);
  assert.ok(job.endedAt! >= job.createdAt);
  await assert.rejects(jobs.get('other', id), { kind: 'job-not-found' });
  await assert.rejects(jobs.get('p', 'x'), { kind: 'job-not-found' });
});

test('runner: a failure keeps kind, message and facts; what we do not know shows nothing of ours', async () => {
  const catalog = await newCatalog();
  const errors = [
    new DiskError('disk-truncated', 'qcow2: cut', { field: 'l1_size', offset: 36 }),
    new Error('/secret/path'),
  ];
  const made = runner(catalog, () => Promise.reject(errors.shift()!), { slots: 1 });
  const jobs = createJobs(catalog);
  const first = await queue(catalog);
  await sleep(2);
  const second = await queue(catalog);
  await made.runner.start();
  await until(async () => (await jobs.get('p', second)).state === 'failed', 'failed');
  const { error } = await jobs.get('p', first);
  assert.deepEqual(error, {
    kind: 'disk-truncated',
    message: 'qcow2: cut',
    facts: { field: 'l1_size', offset: 36 },
  });
  const unknown = await jobs.get('p', second);
  assert.equal(unknown.error?.kind, 'internal');
  assert.doesNotMatch(unknown.error?.message ?? '', /secret/);
  assert.ok(made.events.some(({ error: seen }) => seen instanceof Error && seen.message === '/secret/path'));
});

test('runner: stopping gives the lease back with its mark, and the next start goes on there', async () => {
  const catalog = await newCatalog();
  let attempts = 0;
  const work = async (attempt: Attempt): Promise<void> => {
    attempts += 1;
    if (attempt.checkpoint) return;
    await attempt.save({ at: 64 }, true);
    await untilAborted(attempt.signal);
  };
  const first = runner(catalog, work);
  const id = await queue(catalog);
  await first.runner.start();
  const row = () => catalog.db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  await until(async () => (await row()).checkpoint !== null, 'checkpoint');
  await first.runner.stop();
  assert.deepEqual(
    { state: (await row()).state, lease: (await row()).lease_id, resumes: (await row()).resumes },
    { state: 'queued', lease: null, resumes: 0 },
  );
  const second = runner(catalog, work);
  await second.runner.start();
  await until(async () => (await row()).state === 'done', 'done');
  assert.equal(attempts, 2);
});

test('runner: leases of a killed process are taken over at once; without a new mark three times in a row, the job fails', async () => {
  const catalog = await newCatalog();
  const id = await queue(catalog);
  const row = () => catalog.db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  let begun = 0;
  const work = async (attempt: Attempt): Promise<void> => {
    begun += 1;
    await untilAborted(attempt.signal);
  };
  const killed: Runner[] = [];
  for (let start = 1; start <= 5; start += 1) {
    const { runner: next } = runner(catalog, work, { pollMs: 60_000 });
    killed.push(next); // never told: it just never gets further, as a killed process
    await next.start();
    await until(async () => begun === start || (await row()).state === 'failed', `start ${start}`);
  }
  await until(async () => (await row()).state === 'failed', 'failed');
  assert.equal(begun, 4); // the first attempt and three resumes
  assert.equal((await row()).error_kind, 'internal');
});

test('runner: a new mark makes the resumes count anew', async () => {
  const catalog = await newCatalog();
  const id = await queue(catalog);
  const row = () => catalog.db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  let begun = 0;
  const work = async (attempt: Attempt): Promise<void> => {
    begun += 1;
    if (begun === 8) return;
    await attempt.save({ at: begun }, true);
    await untilAborted(attempt.signal);
  };
  for (let start = 1; start <= 8; start += 1) {
    await runner(catalog, work, { pollMs: 60_000 }).runner.start();
    await until(
      async () => begun === start && ((await row()).resumes === 0 || begun === 8),
      `start ${start}`,
    );
  }
  await until(async () => (await row()).state === 'done', 'done');
});

test('runner: a job ended from outside aborts its attempt soon', async () => {
  const catalog = await newCatalog();
  let ended: unknown;
  const made = runner(catalog, async ({ signal }) => {
    await untilAborted(signal).catch((error: unknown) => {
      ended = error;
      throw error;
    });
  });
  await made.runner.start();
  await queue(catalog, 'p', 'image-1');
  await until(() => made.runner.running === 1, 'running');
  const cancelled = { kind: 'job-cancelled', message: 'image deleted', facts: {} };
  await catalog.write((tx) => cancelImageJobs(tx, 'sqlite', 'image-1', cancelled, Date.now));
  catalog.wake.notify(endedChannel);
  await until(() => made.runner.running === 0, 'ended');
  assert.equal((ended as { kind?: string }).kind, 'lease-lost');
  assert.ok(made.events.some(({ event }) => event === 'lease-lost'));
});

test('runner: a worker that hears nothing from the database ends its own work before the lease does', async () => {
  const catalog = await newCatalog();
  let gone = false;
  const away: Catalog = {
    ...catalog,
    write: (work) => (gone ? new Promise(() => {}) : catalog.write(work)),
  };
  let reason: unknown;
  const made = new Runner({
    catalog: away,
    handlers: [
      handlerOf(away, async ({ signal }) => {
        gone = true;
        await untilAborted(signal).catch((error: unknown) => {
          reason = error;
          throw error;
        });
      }),
    ],
    exclusive: true,
    heartbeatMs: 10,
    selfAbortMs: 50,
  });
  await made.start();
  await queue(catalog);
  await until(() => reason !== undefined, 'aborted');
  assert.equal((reason as { kind?: string }).kind, 'lease-lost');
});

test('runner: an older job goes first, and one project runs at most its limit', async () => {
  const catalog = await newCatalog();
  const order: string[] = [];
  const open: (() => void)[] = [];
  const made = runner(
    catalog,
    async ({ jobId }) => {
      order.push(jobId);
      await new Promise<void>((resolve) => open.push(resolve));
    },
    { slots: 3, projectLimit: 2 },
  );
  const ids: string[] = [];
  for (const project of ['a', 'a', 'a', 'b']) {
    ids.push(await queue(catalog, project));
    await sleep(2);
  }
  await made.runner.start();
  await until(() => order.length === 3, 'three running');
  await sleep(60);
  assert.deepEqual(order, [ids[0], ids[1], ids[3]]);
  open[0]!();
  await until(() => order.length === 4, 'the fourth');
  for (const release of open) release();
});

test('runner: progress is written while the job runs', async () => {
  const catalog = await newCatalog();
  const made = runner(
    catalog,
    async ({ progress, signal }) => {
      progress.plan([{ stage: 'convert', weight: 1 }]);
      progress.enter('convert', 100);
      progress.update('convert', 25, 100);
      await Promise.race([untilAborted(signal), sleep(150)]);
    },
    { heartbeatMs: 20 },
  );
  await made.runner.start();
  const id = await queue(catalog);
  const jobs = createJobs(catalog);
  await until(async () => (await jobs.get('p', id)).progress?.fraction === 0.25, 'progress');
  const { progress } = await jobs.get('p', id);
  assert.deepEqual([progress?.stage, progress?.bytesDone, progress?.bytesTotal], ['convert', 25, 100]);
});
