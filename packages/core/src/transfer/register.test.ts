import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { DomainError } from '../errors.ts';
import { transferDefaults } from './settings.ts';
import { actor, rawDisk, world } from './testing.ts';

const MiB = 1024 * 1024;
const sampleFolder = join(import.meta.dirname, '../../../../tests/fixtures/sample');
const sample = await readFile(join(sampleFolder, 'sample.qcow2'));
const { guestSha256 } = (
  JSON.parse(await readFile(join(sampleFolder, 'manifest.json'), 'utf8')) as {
    'sample.qcow2': { guestSha256: string };
  }
)['sample.qcow2'];

const hash = (name: string, bytes: Uint8Array): string => createHash(name).update(bytes).digest('hex');
const source = { bucket: 'images', key: 'disk' };

test('register: a source in another format is converted, hashed, verified and activated', async () => {
  const w = await world();
  await w.runner.start();
  await w.put('disk', sample);
  const { id } = await w.newImage({ diskFormat: 'raw' });
  const accepted = await w.transfer.register(actor, id, source);
  assert.equal(accepted.state, 'queued');
  assert.equal((await w.image(id)).status, 'saving');
  const job = await w.ended(accepted);
  assert.equal(job.error, null);
  assert.equal(job.imageId, id);
  assert.equal(job.source?.etag, hash('md5', sample));
  const image = await w.image(id);
  const { stream } = await w.transfer.download(actor, id);
  const bytes = await buffer(await stream(undefined, new AbortController().signal));
  assert.equal(hash('sha256', bytes), guestSha256);
  assert.deepEqual(
    [image.status, image.diskFormat, image.sizeBytes, image.virtualSizeBytes, image.md5, image.hashValue],
    ['active', 'raw', 64 * MiB, 64 * MiB, hash('md5', bytes), hash('sha512', bytes)],
  );
  assert.equal(image.properties['__data_origin'], 'file,images:disk');
  assert.equal(image.properties['__root_origin'], 'file');
  assert.equal(image.properties['__image_size'], String(64 * MiB));
  assert.ok(image.activeAt);
  const row = (await w.blobRows()).find((blob) => blob.id === image.blobId);
  assert.deepEqual([row?.state, row?.sha256, row?.format], ['live', guestSha256, 'raw']);
});

test('register: a kept format refers to the object’s bytes; neither deletion touches the other', async () => {
  const w = await world();
  await w.runner.start();
  const object = await w.put('disk', sample);
  const { id } = await w.newImage({ diskFormat: 'qcow2' });
  await w.ended(await w.transfer.register(actor, id, source));
  const image = await w.image(id);
  assert.equal(image.status, 'active');
  assert.equal(image.blobId, object.blobId);
  assert.equal(image.virtualSizeBytes, 64 * MiB);
  assert.equal((await w.stored()).length, 1);
  await w.remove('disk');
  const { stream } = await w.transfer.download(actor, id);
  const range = { start: 4, end: 104 };
  assert.deepEqual(await buffer(await stream(range, new AbortController().signal)), sample.subarray(4, 104));
  await w.put('disk', sample);
  await w.transfer.deleteImage(actor, id);
  await w.blobs.sweep();
  assert.equal((await w.stored()).length, 1); // the second object's
});

test('register: a kept object of 100 GiB is registered from its headers and the hashes that exist', async () => {
  const w = await world();
  await w.runner.start();
  const object = await w.put('disk', rawDisk(MiB));
  const GiB = 1024 ** 3;
  // The same row with a hundred thousand times the bytes, nearly all of them a hole.
  await truncate(join(w.folder, 'store/blobs', object.blobId.slice(0, 2), object.blobId), 100 * GiB);
  await w.catalog.write(async (tx) => {
    await tx
      .updateTable('blobs')
      .set({ size: 100 * GiB })
      .where('id', '=', object.blobId)
      .execute();
    await tx
      .updateTable('bucket_objects')
      .set({ size: 100 * GiB })
      .execute();
  });
  const { id } = await w.newImage({ diskFormat: 'raw' });
  const began = performance.now();
  const job = await w.ended(await w.transfer.register(actor, id, source));
  const took = performance.now() - began;
  assert.equal(job.error, null);
  assert.deepEqual([(await w.image(id)).status, (await w.image(id)).sizeBytes], ['active', 100 * GiB]);
  // Reading the bytes, even as zeros from memory, would take minutes.
  assert.ok(took < 10_000, `${took} ms`);
});

test('register: the default format is used where the image states none', async () => {
  const w = await world();
  await w.runner.start();
  await w.put('disk', rawDisk(3 * MiB));
  const { id } = await w.newImage();
  const job = await w.ended(await w.transfer.register(actor, id, source));
  assert.equal(job.error, null);
  assert.equal((await w.image(id)).diskFormat, 'qcow2');
});

test('register: one input gives one output', async () => {
  const w = await world();
  await w.runner.start();
  await w.put('disk', sample);
  const hashes = new Set<string | null>();
  for (let times = 0; times < 2; times += 1) {
    const { id } = await w.newImage({ diskFormat: 'vhd' });
    await w.ended(await w.transfer.register(actor, id, source));
    hashes.add((await w.image(id)).hashValue);
  }
  assert.equal(hashes.size, 1);
});

test('register: overwriting or deleting the object during the job changes nothing', async () => {
  const w = await world();
  await w.put('disk', sample);
  const { id } = await w.newImage({ diskFormat: 'raw' });
  const job = await w.transfer.register(actor, id, source);
  await w.put('disk', rawDisk(MiB));
  await w.remove('disk');
  await w.blobs.sweep();
  await w.runner.start();
  assert.equal((await w.ended(job)).state, 'done');
  const { stream } = await w.transfer.download(actor, id);
  assert.equal(
    hash('sha256', await buffer(await stream(undefined, new AbortController().signal))),
    guestSha256,
  );
  await w.blobs.close();
  assert.deepEqual(await w.stored(), [(await w.image(id)).blobId]); // the source went with the job
});

/** A file that the engine refuses: a qcow2 header that names a backing file. */
function withBackingFile(): Buffer {
  const bytes = Buffer.from(sample);
  bytes.writeBigUInt64BE(1024n, 8);
  bytes.writeUInt32BE(11, 16);
  bytes.write('/etc/passwd', 1024);
  return bytes;
}

function withVirtualSize(size: number): Buffer {
  const bytes = Buffer.from(sample);
  bytes.writeBigUInt64BE(BigInt(size), 24);
  return bytes;
}

for (const [what, bytes, draft, kind] of [
  ['a backing file', withBackingFile(), { diskFormat: 'raw' }, 'disk-unsafe'],
  ['a cut file', sample.subarray(0, 100_000), { diskFormat: 'raw' }, 'disk-truncated'],
  ['a web page', Buffer.from(`<!doctype html><p>${'not found '.repeat(100)}`), {}, 'disk-unsupported'],
  ['a disk over the limit of the service', rawDisk(70 * MiB), {}, 'virtual-size-too-large'],
  ['a disk over the limit of the engine', withVirtualSize(2 ** 50), {}, 'virtual-size-too-large'],
  [
    'a stored format that nobody writes',
    rawDisk(MiB),
    { diskFormat: 'ami', containerFormat: 'ami' },
    'format-not-writable',
  ],
] as const) {
  test(`register: ${what} fails the job, kills the image and leaves no bytes`, async () => {
    const w = await world({
      settings: { ...transferDefaults, defaultFormat: 'qcow2', virtualSizeLimitBytes: 69 * MiB },
    });
    await w.runner.start();
    const object = await w.put('disk', bytes);
    const { id } = await w.newImage(draft);
    const job = await w.ended(await w.transfer.register(actor, id, source));
    assert.equal(job.state, 'failed');
    assert.equal(job.error?.kind, kind, job.error?.message);
    assert.ok(job.error?.message);
    assert.equal((await w.image(id)).status, 'killed');
    await w.blobs.close();
    assert.deepEqual(await w.stored(), [object.blobId]);
  });
}

test('register: min_disk is compared with the size rounded up', async () => {
  const GiB = 1024 ** 3;
  const { checkPolicy } = await import('./steps/check.ts');
  const check = (virtualSize: number, minDiskGb: number): void =>
    checkPolicy({ format: 'raw', virtualSize }, { target: 'raw', minDiskGb }, transferDefaults);
  check(2 * GiB, 2);
  check(2 * GiB + 512, 0);
  assert.throws(() => check(2 * GiB + 512, 2), {
    kind: 'min-disk-too-small',
    facts: { virtualSizeBytes: 2 * GiB + 512, neededGb: 3, minDiskGb: 2 },
  });
  check(1024 * GiB, 0);
  assert.throws(() => check(1024 * GiB + 512, 0), { kind: 'virtual-size-too-large' });
});

test('register: preconditions speak in their order, and leave the image as it was', async () => {
  const w = await world({
    settings: { ...transferDefaults, registerLimitBytes: 2 * MiB, acceptedJobs: 1 },
  });
  const grammar = (): never => {
    throw new DomainError('value-invalid', 'no colon');
  };
  const refused = async (id: string, from: Parameters<typeof w.transfer.register>[2], kind: string) =>
    assert.rejects(w.transfer.register(actor, id, from), { kind });
  await refused(randomUUID(), grammar, 'image-not-found');
  const { id } = await w.newImage();
  await refused(id, grammar, 'value-invalid');
  await refused(id, { bucket: 'absent', key: 'disk' }, 'source-bucket-not-found');
  await refused(id, source, 'source-not-found');
  await w.put('disk', rawDisk(3 * MiB));
  await refused(id, source, 'source-too-large');
  assert.equal((await w.image(id)).status, 'queued');
  await w.put('disk', rawDisk(MiB));
  await w.transfer.register(actor, id, source);
  await refused(id, grammar, 'image-wrong-state');
  const { id: second } = await w.newImage();
  await refused(second, source, 'job-limit-reached');
  assert.equal((await w.image(second)).status, 'queued');
});

test('register: two calls at once queue one job', async () => {
  const w = await world();
  await w.put('disk', rawDisk(MiB));
  const { id } = await w.newImage();
  const both = await Promise.allSettled([
    w.transfer.register(actor, id, source),
    w.transfer.register(actor, id, source),
  ]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const rows = await w.catalog.db.selectFrom('jobs').selectAll().execute();
  assert.equal(rows.length, 1);
});

test('register: deleting the image ends its job and removes what was written', async () => {
  let converting = (): void => {};
  const begun = new Promise<void>((resolve) => (converting = resolve));
  const engine = await import('@imageyard/engine/node');
  const w = await world({
    engine: {
      checkSource: engine.checkSource,
      runConversion: async (request, hooks = {}) => {
        converting();
        await new Promise((_, reject) => {
          hooks.signal?.addEventListener('abort', () => reject(hooks.signal?.reason as Error));
        });
        return engine.runConversion(request, hooks);
      },
    },
  });
  await w.runner.start();
  const object = await w.put('disk', sample);
  const { id } = await w.newImage({ diskFormat: 'raw' });
  const job = await w.transfer.register(actor, id, source);
  await begun;
  assert.equal((await w.stored()).length, 2);
  await w.transfer.deleteImage(actor, id);
  const ended = await w.ended(job);
  assert.deepEqual(
    [ended.state, ended.error?.kind, ended.error?.message],
    ['failed', 'job-cancelled', 'image deleted'],
  );
  while (w.runner.running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(await w.stored(), [object.blobId]);
  assert.equal((await w.blobRows()).length, 1);
});

test('recover: an image that a killed process left saving without a job is killed', async () => {
  const w = await world();
  const lost = await w.newImage();
  await w.catalog.write((tx) => w.images.beginSaving(tx, lost.id));
  await w.put('disk', rawDisk(MiB));
  const busy = await w.newImage();
  await w.transfer.register(actor, busy.id, source);
  await w.transfer.recover();
  assert.equal((await w.image(lost.id)).status, 'killed');
  assert.equal((await w.image(busy.id)).status, 'saving');
});
