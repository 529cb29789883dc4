/**
 * One registration in a process of its own, that kills itself at the n-th durable step: before or
 * after a commit, a mark, a sync, a rename or a removal. Prints what became of it as JSON.
 *
 *     node attempt-process.ts DATA IMAGE_ID FORMAT STEP
 *
 * STEP 0: never; `mark`: as soon as the first mark is kept in store and catalogue.
 */
import { join } from 'node:path';
import type { Actor, BlobStore, BlobWriter, Catalog } from '@imageyard/core';
import {
  createBlobs,
  createBuckets,
  createImages,
  createTransfer,
  migrate,
  openFolderStore,
  openSqlite,
  otcImageSettings,
  Runner,
} from '@imageyard/core';
import { closeThreads, createHashFollower } from '@imageyard/engine/node';

const [data = '', imageId = '', format = '', step = '0'] = process.argv.slice(2);
const killAt = Number(step);
let steps = 0;
let counting = false;
let markKept = false;
let resumedAt = 0;

function boundary(): void {
  if (!counting) return;
  steps += 1;
  if (steps === killAt) die();
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // until the signal is there
}

async function durable<T>(work: () => Promise<T>): Promise<T> {
  boundary();
  const result = await work();
  boundary();
  return result;
}

function killing(catalog: Catalog): Catalog {
  const write = async <T>(work: Parameters<typeof catalog.write<T>>[0]): Promise<T> => {
    const result = await durable(() => catalog.write(work));
    if (markKept && step === 'mark') die();
    return result;
  };
  return { ...catalog, write };
}

function killingStore(store: BlobStore): BlobStore {
  return {
    open: (id) => store.open(id),
    describe: (id) => store.describe(id),
    stat: (id) => store.stat(id),
    list: (after, limit) => store.list(after, limit),
    freeBytes: () => store.freeBytes(),
    delete: (id) => durable(() => store.delete(id)),
    create: async (id, options) => {
      const writer = await durable(() => store.create(id, options));
      if (options?.resume) resumedAt = writer.mark.size;
      return killingWriter(writer);
    },
  };
}

function killingWriter(writer: BlobWriter): BlobWriter {
  return {
    id: writer.id,
    mark: writer.mark,
    path: writer.path,
    write: (offset, bytes) => writer.write(offset, bytes),
    sync: () => durable(() => writer.sync()),
    save: async (size, note) => {
      await durable(() => writer.save(size, note));
      markKept = true;
    },
    publish: (size) => durable(() => writer.publish(size)),
    abandon: () => writer.abandon(),
    close: () => writer.close(),
  };
}

const actor: Actor = {
  userId: 'u',
  userName: 'user',
  domainId: 'd',
  domainName: 'Default',
  projectId: 'a'.repeat(32),
  projectName: 'p',
  roles: new Set(['admin']),
  isAdmin: true,
  auditId: 'kill',
};

const plain = openSqlite(join(data, 'catalog.db'));
await migrate(plain);
const catalog = killing(plain);
const store = killingStore(await openFolderStore(join(data, 'store')));
const blobs = createBlobs({ catalog, store, createHashFollower });
const buckets = createBuckets({ catalog, blobs, createHashFollower });
const images = createImages({ catalog, settings: otcImageSettings });
const transfer = createTransfer({ catalog, store, blobs, images, buckets });
const runner = new Runner({ catalog, handlers: transfer.handlers, exclusive: true, pollMs: 50 });

counting = true;
await blobs.sweep();
await transfer.recover();
await runner.start();
const known = await images.get(actor, imageId).catch(() => undefined);
if (!known) await images.create(actor, { id: imageId, name: 'kill', diskFormat: format });
if ((known?.status ?? 'queued') === 'queued') {
  await transfer.register(actor, imageId, { bucket: 'kill', key: 'disk' });
}
let image = await images.get(actor, imageId);
while (image.status === 'saving') {
  await new Promise((resolve) => setTimeout(resolve, 10));
  image = await images.get(actor, imageId);
}
while (runner.running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
await runner.stop();
await blobs.sweep();
counting = false;
const job = await plain.db
  .selectFrom('jobs')
  .select(['state', 'fence', 'error_message'])
  .where('image_id', '=', imageId)
  .executeTakeFirst();
await buckets.close();
await blobs.close();
await closeThreads();
await plain.close();
console.log(JSON.stringify({ status: image.status, hash: image.hashValue, steps, resumedAt, job }));
