import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Catalog } from '@imageyard/core';
import {
  blobParts,
  findBlob,
  insertPartsBlob,
  insertWritingBlob,
  makeBlobLive,
} from '../../packages/core/src/catalog/blobs.ts';
import {
  blobReferences,
  doomStaleBlob,
  doomedBlobs,
  staleWritingBlobs,
  unreferencedBlobs,
} from '../../packages/core/src/catalog/blobs-sweep.ts';
import { dropBlob } from '../../packages/core/src/blob/sweep.ts';
import {
  anyJobDue,
  claimJob,
  expireLeases,
  takeLeasesOver,
} from '../../packages/core/src/catalog/jobs-claim.ts';
import type { ClaimOptions } from '../../packages/core/src/catalog/jobs-claim.ts';
import {
  cancelImageJobs,
  failJob,
  findJob,
  finishJob,
  forgetFinishedJobs,
  giveLeaseBack,
  insertJob,
  renewLease,
  saveCheckpoint,
} from '../../packages/core/src/catalog/jobs.ts';
import { forEachEngine } from './engines.ts';

const newId = (): string => randomBytes(16).toString('hex');
const failure = { kind: 'disk-corrupt', message: 'no', facts: { offset: 4 } };

async function queue(catalog: Catalog, options: { project?: string; source?: string; limit?: number } = {}) {
  const job = {
    id: newId(),
    projectId: options.project ?? 'p',
    kind: 'register',
    kindVersion: 1,
    imageId: 'image',
    sourceBlobId: options.source ?? null,
    input: '{}',
  };
  const queued = await catalog.write((tx) =>
    insertJob(tx, catalog.engine, job, options.limit ?? 40, Date.now),
  );
  return queued ? job.id : undefined;
}

function claim(catalog: Catalog, options: Partial<ClaimOptions> = {}) {
  return claimJob(catalog, {
    worker: 'w',
    kinds: [{ kind: 'register', version: 1 }],
    leaseId: newId(),
    leaseMs: 20_000,
    projectLimit: 100,
    exclude: [],
    now: Date.now,
    ...options,
  });
}

async function liveBlob(catalog: Catalog, size = 1, writer = 'w'): Promise<string> {
  const id = newId();
  await catalog.write((tx) => insertWritingBlob(tx, id, { writer }, 1));
  assert.ok(await catalog.write((tx) => makeBlobLive(tx, id, { writer }, { size, digests: {} })));
  return id;
}

const blobContext = (catalog: Catalog) =>
  ({ catalog, writer: 'me', graceMs: 0, now: Date.now }) as unknown as Parameters<typeof dropBlob>[0];

forEachEngine('jobs and blobs', (openCatalog) => {
  test('a project has at most its limit of unfinished jobs, also when they are accepted at once', async () => {
    const catalog = await openCatalog();
    const domain = { id: 'd', name: 'd', name_key: 'd', description: '', enabled: 1, created_at: 1 };
    const project = { ...domain, id: 'p', domain_id: 'd', extras_json: '{}' };
    await catalog.write(async (tx) => {
      await tx.insertInto('domains').values(domain).execute();
      await tx.insertInto('projects').values(project).execute();
    });
    const all = await Promise.all(Array.from({ length: 8 }, () => queue(catalog, { limit: 3 })));
    assert.equal(all.filter(Boolean).length, 3);
    assert.ok(await queue(catalog, { project: 'other', limit: 3 }));
    const { lease } = (await claim(catalog))!; // still unfinished
    assert.equal(await queue(catalog, { limit: 3 }), undefined);
    await catalog.write((tx) => finishJob(tx, catalog.engine, lease, Date.now));
    assert.ok(await queue(catalog, { limit: 3 }));
  });

  test('jobs are claimed once each, oldest first, by any number of workers', async () => {
    const catalog = await openCatalog();
    const ids: string[] = [];
    for (let index = 0; index < 6; index += 1) ids.push((await queue(catalog))!);
    const claimed: string[] = [];
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (;;) {
          const next = await claim(catalog);
          if (!next) break;
          claimed.push(next.row.id);
        }
      }),
    );
    // A claim that lost a race may come back empty while work is left: the next poll finds it.
    for (let next = await claim(catalog); next; next = await claim(catalog)) claimed.push(next.row.id);
    assert.deepEqual([...claimed].sort(), [...ids].sort());
    assert.equal(await anyJobDue(catalog, Date.now), false);
  });

  test('only the lease of the last claim counts', async () => {
    const catalog = await openCatalog();
    const id = (await queue(catalog))!;
    const first = (await claim(catalog, { leaseMs: -1 }))!;
    assert.equal(await anyJobDue(catalog, Date.now), true);
    assert.equal(await expireLeases(catalog, Date.now), 1);
    const second = (await claim(catalog))!;
    assert.equal(second.lease.fence, first.lease.fence + 1);
    const { engine } = catalog;
    const beat = { leaseMs: 1000, progress: '{"fraction":0.5}', now: Date.now };
    assert.equal(await renewLease(catalog, first.lease, beat), false);
    assert.equal(await saveCheckpoint(catalog, first.lease, '{}', true), false);
    assert.equal(await giveLeaseBack(catalog, first.lease), false);
    assert.equal(await catalog.write((tx) => finishJob(tx, engine, first.lease, Date.now)), false);
    assert.equal(await catalog.write((tx) => failJob(tx, engine, first.lease, failure, Date.now)), false);
    // A repeated fence with another lease is another worker.
    const forged = { ...second.lease, leaseId: 'guess' };
    assert.equal(await renewLease(catalog, forged, beat), false);
    assert.equal(await renewLease(catalog, second.lease, beat), true);
    assert.equal((await findJob(catalog.db, id))?.progress, beat.progress);
    assert.equal(await catalog.write((tx) => finishJob(tx, engine, second.lease, Date.now)), true);
    assert.equal(await catalog.write((tx) => finishJob(tx, engine, second.lease, Date.now)), false);
    const done = await findJob(catalog.db, id);
    assert.equal(done?.state, 'done');
    assert.ok(done!.ended_at! >= done!.created_at);
  });

  test('an expired attempt leaves no checkpoint, one that ended in order does', async () => {
    const catalog = await openCatalog();
    const id = (await queue(catalog))!;
    const blob = newId();
    const first = (await claim(catalog, { leaseMs: -1 }))!;
    await catalog.write((tx) => insertWritingBlob(tx, blob, { jobId: id, fence: first.lease.fence }, 1));
    await saveCheckpoint(catalog, first.lease, '{"blob":1}', true);
    await giveLeaseBack(catalog, first.lease);
    const second = (await claim(catalog, { leaseMs: -1 }))!;
    assert.equal(second.row.checkpoint, '{"blob":1}');
    assert.equal(second.row.resumes, 0);
    assert.equal((await findBlob(catalog.db, blob))?.fence, second.lease.fence);
    assert.equal(await takeLeasesOver(catalog), 1);
    const third = (await claim(catalog, { leaseMs: -1 }))!;
    assert.equal(third.row.checkpoint, '{"blob":1}');
    assert.equal(third.row.resumes, 1);
    assert.deepEqual(await staleWritingBlobs(catalog.db, 'me', 10), []);
    await expireLeases(catalog, Date.now);
    const fourth = (await claim(catalog))!;
    assert.equal(fourth.row.checkpoint, null);
    assert.equal(fourth.row.resumes, 2);
    const stale = await staleWritingBlobs(catalog.db, 'me', 10);
    assert.deepEqual(
      stale.map(({ id: found }) => found),
      [blob],
    );
  });

  test('an attempt makes only its own blob live', async () => {
    const catalog = await openCatalog();
    const blob = newId();
    await catalog.write((tx) => insertWritingBlob(tx, blob, { jobId: 'j', fence: 2 }, 1));
    const live = (fence: number, jobId = 'j') =>
      catalog.write((tx) => makeBlobLive(tx, blob, { jobId, fence }, { size: 3, digests: { md5: 'm' } }));
    assert.equal(await live(1), false);
    assert.equal(await live(2, 'other'), false);
    assert.equal(await live(2), true);
    assert.equal(await live(2), false);
    const row = await findBlob(catalog.db, blob);
    assert.deepEqual([row?.state, row?.size, row?.md5, row?.sha256], ['live', 3, 'm', null]);
  });

  test('an unfinished job keeps its source, a finished one lets go', async () => {
    const catalog = await openCatalog();
    const source = await liveBlob(catalog);
    await queue(catalog, { source });
    assert.equal(await dropBlob(blobContext(catalog), source), 0);
    const { lease } = (await claim(catalog))!;
    await catalog.write((tx) => failJob(tx, catalog.engine, lease, failure, Date.now));
    assert.equal(await dropBlob(blobContext(catalog), source), 1);
    assert.deepEqual(
      (await doomedBlobs(catalog.db, Date.now(), 10)).map(({ id }) => id),
      [source],
    );
  });

  test('deleting an image ends its jobs and lets their sources go', async () => {
    const catalog = await openCatalog();
    const source = await liveBlob(catalog);
    const waiting = (await queue(catalog, { source }))!;
    const { lease } = (await claim(catalog))!;
    const cancelled = { kind: 'job-cancelled', message: 'image deleted', facts: {} };
    const held = await catalog.write((tx) =>
      cancelImageJobs(tx, catalog.engine, 'image', cancelled, Date.now),
    );
    assert.deepEqual(held, [source]);
    assert.equal((await findJob(catalog.db, waiting))?.state, 'failed');
    assert.equal(await catalog.write((tx) => finishJob(tx, catalog.engine, lease, Date.now)), false);
  });

  test('a limit of running jobs holds for each project by itself', async () => {
    const catalog = await openCatalog();
    for (const project of ['a', 'a', 'b']) await queue(catalog, { project });
    const first = await claim(catalog, { projectLimit: 1 });
    const second = await claim(catalog, { projectLimit: 1 });
    assert.deepEqual([first?.row.project_id, second?.row.project_id], ['a', 'b']);
    assert.equal(await claim(catalog, { projectLimit: 1 }), undefined);
  });

  test('a worker claims only kinds and versions that it knows', async () => {
    const catalog = await openCatalog();
    await queue(catalog);
    assert.equal(await claim(catalog, { kinds: [{ kind: 'register', version: 0 }] }), undefined);
    assert.equal(await claim(catalog, { kinds: [{ kind: 'export', version: 9 }] }), undefined);
    assert.ok(await claim(catalog));
  });

  test('finished jobs are forgotten after their time', async () => {
    const catalog = await openCatalog();
    const id = (await queue(catalog))!;
    const { lease } = (await claim(catalog))!;
    await catalog.write((tx) => finishJob(tx, catalog.engine, lease, Date.now));
    assert.equal(await catalog.write((tx) => forgetFinishedJobs(tx, Date.now() - 60_000)), 0);
    assert.equal(await catalog.write((tx) => forgetFinishedJobs(tx, Date.now() + 60_000)), 1);
    assert.equal(await findJob(catalog.db, id), undefined);
  });

  test('a blob of parts lists them in order, keeps them, and frees them with itself', async () => {
    const catalog = await openCatalog();
    const parts: { id: string; size: number }[] = [];
    for (const size of [5, 0, 7]) parts.push({ id: await liveBlob(catalog, size), size });
    const whole = newId();
    await catalog.write((tx) => insertPartsBlob(tx, whole, parts, { md5: 'm' }, 1));
    assert.deepEqual(
      (await blobParts(catalog.db, whole)).map(({ start, size }) => [start, size]),
      [
        [0, 5],
        [5, 0],
        [5, 7],
      ],
    );
    assert.equal((await findBlob(catalog.db, whole))?.size, 12);
    assert.equal(await dropBlob(blobContext(catalog), parts[0]!.id), 0);
    assert.equal(await dropBlob(blobContext(catalog), whole), 4);
  });

  test('the schema itself says who refers to blobs, and what nobody refers to is found', async () => {
    const catalog = await openCatalog();
    const references = await blobReferences(catalog);
    const known = references.map(({ table, column }) => `${table}.${column}`);
    assert.ok(known.includes('jobs.source_blob_id') && known.includes('blob_parts.part_blob_id'));
    const [lost, held, mine] = [
      await liveBlob(catalog),
      await liveBlob(catalog),
      await liveBlob(catalog, 1, 'me'),
    ];
    await queue(catalog, { source: held });
    const page = await unreferencedBlobs(catalog, references, 'me', '', 10);
    assert.deepEqual(page, { ids: [lost], last: undefined });
    assert.ok(await findBlob(catalog.db, mine));
  });

  test('an attempt that is over is forgotten, a live one is not', async () => {
    const catalog = await openCatalog();
    const id = (await queue(catalog))!;
    const { lease } = (await claim(catalog))!;
    const blob = newId();
    await catalog.write((tx) => insertWritingBlob(tx, blob, { jobId: id, fence: lease.fence }, 1));
    const stale = { id: blob, jobId: id, fence: lease.fence, writer: null };
    const doom = () => catalog.write((tx) => doomStaleBlob(tx, catalog.engine, stale, 1));
    assert.equal(await doom(), false);
    await catalog.write((tx) => failJob(tx, catalog.engine, lease, failure, Date.now));
    assert.equal(await doom(), true);
    assert.equal(await doom(), false);
  });
});
