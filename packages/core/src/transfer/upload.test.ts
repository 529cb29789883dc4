import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { checkUploadHead } from './upload-format.ts';
import { transferDefaults } from './settings.ts';
import { actor, rawDisk, world } from './testing.ts';

const MiB = 1024 * 1024;
const sample = await readFile(join(import.meta.dirname, '../../../../tests/fixtures/sample/sample.qcow2'));
const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');
const body = (...chunks: Uint8Array[]): Readable => Readable.from(chunks);

test('upload: bytes are stored as they are and inspected', async () => {
  const w = await world();
  const { id } = await w.newImage({ diskFormat: 'qcow2' });
  await w.transfer.upload(actor, id, body(sample), { expectedBytes: sample.length });
  const image = await w.image(id);
  assert.deepEqual(
    [image.status, image.diskFormat, image.sizeBytes, image.virtualSizeBytes, image.hashValue],
    ['active', 'qcow2', sample.length, 64 * MiB, sha512(sample)],
  );
  const { stream, sizeBytes } = await w.transfer.download(actor, id);
  assert.equal(sizeBytes, sample.length);
  assert.deepEqual(await buffer(await stream(undefined, new AbortController().signal)), sample);
});

test('upload: a default format is nobody’s word: what was found is stored', async () => {
  const w = await world();
  const { id } = await w.newImage(); // zvhd2 by default, not stated
  await w.transfer.upload(actor, id, body(sample), {});
  assert.equal((await w.image(id)).diskFormat, 'qcow2');
});

test('upload: an empty body is an active image of size 0', async () => {
  const w = await world();
  const { id } = await w.newImage({ diskFormat: 'raw' });
  await w.transfer.upload(actor, id, body(), { expectedBytes: 0 });
  const image = await w.image(id);
  assert.deepEqual(
    [image.status, image.sizeBytes, image.md5],
    ['active', 0, 'd41d8cd98f00b204e9800998ecf8427e'],
  );
});

test('upload: content other than declared is refused on the first 64 KiB or at the end; nothing is left', async () => {
  const w = await world();
  const vhdFooterOnly = Buffer.concat([rawDisk(MiB), Buffer.alloc(512)]);
  for (const [declared, bytes] of [
    ['qcow2', rawDisk(MiB)],
    ['raw', sample],
    ['vhd', vhdFooterOnly],
    ['vmdk', sample],
    ['ami', sample],
  ] as const) {
    const { id } = await w.newImage({ diskFormat: declared, containerFormat: 'bare' });
    await assert.rejects(w.transfer.upload(actor, id, body(bytes), {}), { kind: 'disk-mismatch' }, declared);
    assert.equal((await w.image(id)).status, 'killed');
  }
  assert.deepEqual(await w.stored(), []);
  assert.deepEqual(await w.blobRows(), []);
});

test('upload: other containers, and an operator who wants the peer’s leniency, are not judged', async () => {
  const w = await world({ settings: { ...transferDefaults, formatEnforcement: 'off' } });
  const { id } = await w.newImage({ diskFormat: 'qcow2' });
  await w.transfer.upload(actor, id, body(Buffer.from('anything')), {});
  assert.deepEqual([(await w.image(id)).status, (await w.image(id)).diskFormat], ['active', 'qcow2']);
  const strict = await world();
  const ovf = await strict.newImage({ diskFormat: 'vmdk', containerFormat: 'ova' });
  await strict.transfer.upload(actor, ovf.id, body(Buffer.from('a tar with things inside')), {});
  assert.equal((await strict.image(ovf.id)).status, 'active');
});

test('upload: a client that goes away, a wrong length and a body over the limit kill the image', async () => {
  const w = await world({ settings: { ...transferDefaults, uploadLimitBytes: 2 * MiB } });
  const broken = new Readable({ read() {} });
  const gone = await w.newImage({ diskFormat: 'raw' });
  const uploading = w.transfer.upload(actor, gone.id, broken, {});
  broken.push(rawDisk(MiB));
  setTimeout(() => broken.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })), 50);
  await assert.rejects(uploading, { kind: 'request-malformed' });
  const short = await w.newImage({ diskFormat: 'raw' });
  await assert.rejects(w.transfer.upload(actor, short.id, body(rawDisk(MiB)), { expectedBytes: 5 }), {
    kind: 'request-malformed',
  });
  const large = await w.newImage({ diskFormat: 'raw' });
  await assert.rejects(w.transfer.upload(actor, large.id, body(rawDisk(3 * MiB)), {}), {
    kind: 'source-too-large',
  });
  for (const { id } of [gone, short, large]) assert.equal((await w.image(id)).status, 'killed');
  assert.deepEqual(await w.stored(), []);
});

test('upload: where uploads may be repeated, a broken one leaves the image queued', async () => {
  const w = await world({ settings: { ...transferDefaults, failedUpload: 'queued' } });
  const { id } = await w.newImage({ diskFormat: 'qcow2' });
  await assert.rejects(w.transfer.upload(actor, id, body(rawDisk(MiB)), {}));
  assert.equal((await w.image(id)).status, 'queued');
  await w.transfer.upload(actor, id, body(sample), {});
  assert.equal((await w.image(id)).status, 'active');
});

test('upload: formats must be set first, then the state must fit', async () => {
  const w = await world();
  const bare = await w.newImage({ containerFormat: null, diskFormat: null });
  await assert.rejects(w.transfer.upload(actor, bare.id, body(sample), {}), {
    kind: 'value-invalid',
    facts: { missing: ['disk_format', 'container_format'] },
  });
  const { id } = await w.newImage({ diskFormat: 'qcow2' });
  await w.transfer.upload(actor, id, body(sample), {});
  await assert.rejects(w.transfer.upload(actor, id, body(sample), {}), { kind: 'image-wrong-state' });
  assert.equal((await w.image(id)).status, 'active');
});

test('upload: an image deleted meanwhile stays deleted, and the bytes go', async () => {
  const w = await world();
  const { id } = await w.newImage({ diskFormat: 'raw' });
  const slow = new Readable({ read() {} });
  const uploading = w.transfer.upload(actor, id, slow, {});
  slow.push(rawDisk(MiB));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await w.transfer.deleteImage(actor, id);
  slow.push(null);
  await assert.rejects(uploading, { kind: 'image-gone-during-upload' });
  await w.blobs.close();
  assert.deepEqual(await w.stored(), []);
});

test('download: an image without data says so', async () => {
  const w = await world();
  const { id } = await w.newImage();
  await assert.rejects(w.transfer.download(actor, id), { kind: 'image-no-data' });
});

test('upload: the head of a fixed VHD or an ISO gives nothing away', () => {
  const head = rawDisk(64 * 1024);
  checkUploadHead('vhd', head, undefined);
  checkUploadHead('iso', head, undefined);
  checkUploadHead('raw', new Uint8Array(0), 0);
  assert.throws(() => checkUploadHead('qcow2', head, undefined), { kind: 'disk-mismatch' });
  assert.throws(() => checkUploadHead('aki', sample.subarray(0, 65536), undefined), {
    kind: 'disk-mismatch',
  });
});
