import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkSource, closeThreads, createHashFollower, runConversion } from '@imageyard/engine/node';
import { createBlobs } from '../blob/blobs.ts';
import { createBuckets } from '../bucket/buckets.ts';
import { openSqlite } from '../catalog/database.ts';
import { migrate } from '../catalog/migrations/index.ts';
import type { Actor } from '../identity/actor.ts';
import type { ImageDraft } from '../image/draft.ts';
import { createImages } from '../image/images.ts';
import type { Image } from '../image/record.ts';
import { otcImageSettings } from '../image/settings.ts';
import { createJobs } from '../job/jobs.ts';
import { Runner } from '../job/runner.ts';
import type { RunnerEvent } from '../job/runner.ts';
import type { Job } from '../job/types.ts';
import { openFolderStore } from '../store/folder-store.ts';
import type { TransferDeps } from './deps.ts';
import { registerJob } from './register-job.ts';
import { transferDefaults } from './settings.ts';
import { transferOver } from './transfer.ts';

const project = 'a'.repeat(32);

export const actor: Actor = {
  userId: 'u',
  userName: 'user',
  domainId: 'd',
  domainName: 'Default',
  projectId: project,
  projectName: 'p',
  roles: new Set(['te_admin', 'tenant administrator', 'member', 'admin']),
  isAdmin: true,
  auditId: 'audit',
};

/**
 * All the rooms over a temporary folder, without a server.
 * @param change collaborators in place of the usual ones; a catalogue that is given is migrated, and its giver's to close
 */
export async function world(change: Partial<Pick<TransferDeps, 'engine' | 'settings' | 'catalog'>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-transfer-'));
  const catalog = change.catalog ?? openSqlite(join(folder, 'catalog.db'));
  if (!change.catalog) await migrate(catalog);
  const store = await openFolderStore(join(folder, 'store'));
  const blobs = createBlobs({ catalog, store, createHashFollower });
  const buckets = createBuckets({ catalog, blobs, createHashFollower });
  const images = createImages({ catalog, settings: otcImageSettings });
  const deps: TransferDeps = {
    catalog,
    store,
    blobs,
    buckets,
    images,
    engine: { checkSource, runConversion },
    settings: { ...transferDefaults, defaultFormat: 'qcow2' },
    now: Date.now,
    ...change,
  };
  const transfer = transferOver(deps);
  const jobs = createJobs(catalog);
  const events: RunnerEvent[] = [];
  const newRunner = () =>
    new Runner({
      catalog,
      handlers: [registerJob(deps)],
      exclusive: true,
      pollMs: 50,
      report: (event) => void events.push(event),
    });
  const runner = newRunner();
  await buckets.createBucket(actor, 'images');
  after(async () => {
    await runner.stop();
    await buckets.close();
    await blobs.close();
    await closeThreads();
    if (!change.catalog) await catalog.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    catalog,
    store,
    blobs,
    buckets,
    images,
    transfer,
    jobs,
    runner,
    newRunner,
    events,
    /** Put an object into the bucket `images`. */
    async put(key: string, bytes: Uint8Array) {
      const bucket = await buckets.open(actor, 'images', 'bucket-write');
      const blob = await blobs.receive(Readable.from([bytes]), { limitBytes: 1e12 });
      return buckets.put(bucket, key, blob, { headers: {}, metadata: {} });
    },
    async remove(key: string) {
      await buckets.delete(await buckets.open(actor, 'images', 'bucket-write'), [key]);
    },
    newImage: (draft: ImageDraft = {}): Promise<Image> =>
      images.create(actor, { id: randomUUID(), name: 'n', ...draft }),
    image: (id: string): Promise<Image> => images.get(actor, id),
    /** Wait until the job is final. */
    async ended(job: Job): Promise<Job> {
      for (let waited = 0; waited < 20_000; waited += 5) {
        const found = await jobs.get(job.projectId, job.id);
        if (found.state === 'done' || found.state === 'failed') return found;
        await sleep(5);
      }
      assert.fail('the job never ended');
    },
    /** Keys in the store, temporary ones too. */
    stored: async () => (await store.list(undefined, 1000)).map(({ id }) => id),
    blobRows: () => catalog.db.selectFrom('blobs').selectAll().execute(),
  };
}

/** A raw disk with a partition table's mark: data at both ends, zeros between. */
export function rawDisk(sizeBytes: number, fill = 7): Buffer {
  const disk = Buffer.alloc(sizeBytes);
  for (let at = 512; at < Math.min(sizeBytes, 200_000); at += 1) disk[at] = (at * fill) % 251;
  disk.fill(fill, sizeBytes - 4096);
  disk.writeUInt16BE(0x55aa, 510);
  return disk;
}
