import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { createBlobs, createBuckets, openFolderStore } from '@imageyard/core';
import type { Actor, Bucket, BucketsOptions, NamedPart, UploadPart } from '@imageyard/core';
import type { Digests, HashFollower, HashName } from '@imageyard/engine/node';
import { forEachEngine } from './engines.ts';

const root = await mkdtemp(join(tmpdir(), 'imageyard-buckets-'));
after(() => rm(root, { recursive: true, force: true }));

/** The engine's follower reads in threads; here the ranges are read at once. */
function inlineFollower(names: readonly HashName[]): HashFollower {
  const hashes = new Map(names.map((name) => [name, createHash(name)]));
  let bytesDone = 0;
  return {
    feed(path, offset, length) {
      const bytes = Buffer.alloc(length);
      const file = openSync(path, 'r');
      assert.equal(readSync(file, bytes, 0, length, offset), length);
      closeSync(file);
      for (const hash of hashes.values()) hash.update(bytes);
      bytesDone += length;
    },
    get bytesDone() {
      return bytesDone;
    },
    digest: () => {
      const found: Digests = {};
      for (const [name, hash] of hashes) found[name] = hash.digest('hex');
      return Promise.resolve(found);
    },
    abandon() {},
  };
}

const actorOf = (projectId: string, role = 'member'): Actor => ({
  userId: `user-${projectId}`,
  userName: 'u',
  domainId: 'd',
  domainName: 'Default',
  projectId,
  projectName: projectId,
  roles: new Set(role === 'admin' ? ['admin', 'member', 'reader'] : [role]),
  isAdmin: role === 'admin',
  auditId: 'a',
});
const ann = actorOf('p1');
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const noFacts = { headers: {}, metadata: {} };

forEachEngine('buckets', (openCatalog) => {
  async function room(settings: BucketsOptions['settings'] = {}) {
    const catalog = await openCatalog();
    const store = await openFolderStore(await mkdtemp(join(root, 'store-')));
    const followers: number[] = [];
    const counted = (names: readonly HashName[]): HashFollower => {
      followers.push(1);
      return inlineFollower(names);
    };
    const blobs = createBlobs({ catalog, store, createHashFollower: inlineFollower });
    let now = 1_700_000_000_000;
    const buckets = createBuckets({
      catalog,
      blobs,
      createHashFollower: counted,
      settings,
      clock: () => (now += 1),
    });
    const receive = (bytes: Uint8Array) => blobs.receive(Readable.from([bytes]), { limitBytes: 1e9 });
    const put = async (bucket: Bucket, key: string, text: string) =>
      buckets.put(bucket, key, await receive(Buffer.from(text)), noFacts);
    const blobCount = async () => (await catalog.db.selectFrom('blobs').select('id').execute()).length;
    const bytesOf = async (bucket: Bucket, key: string) =>
      buffer(await buckets.read(await buckets.head(bucket, key)));
    return {
      catalog,
      blobs,
      buckets,
      receive,
      put,
      blobCount,
      bytesOf,
      followers,
      pass: (ms: number) => void (now += ms),
    };
  }

  test('a name belongs to one project; the owner is told so', async () => {
    const { buckets } = await room({ bucketsPerProject: 2 });
    await buckets.createBucket(ann, 'images');
    await assert.rejects(buckets.createBucket(ann, 'images'), { kind: 'bucket-owned' });
    await assert.rejects(buckets.createBucket(actorOf('p2'), 'images'), { kind: 'bucket-exists' });
    await assert.rejects(buckets.createBucket(ann, 'Bad'), { kind: 'bucket-name-invalid' });
    await assert.rejects(buckets.createBucket(actorOf('p1', 'reader'), 'more'), { kind: 'not-authorized' });
    await buckets.createBucket(ann, 'second', 'WARM');
    await assert.rejects(buckets.createBucket(ann, 'third'), { kind: 'bucket-limit' });
    const mine = await buckets.listBuckets(ann, { prefix: '', after: '', limit: 1 });
    assert.deepEqual([mine.buckets.map((b) => b.name), mine.isTruncated], [['images'], true]);
    assert.equal((await buckets.open(actorOf('p1', 'reader'), 'second', 'bucket-read')).storageClass, 'WARM');
    await assert.rejects(buckets.open(actorOf('p1', 'reader'), 'second', 'bucket-write'), {
      kind: 'not-authorized',
    });
    await assert.rejects(buckets.open(actorOf('p2'), 'second', 'bucket-read'), { kind: 'not-authorized' });
    await assert.rejects(buckets.open(ann, 'absent', 'bucket-read'), { kind: 'bucket-not-found' });
    assert.equal((await buckets.open(actorOf('p2', 'admin'), 'images', 'bucket-write')).projectId, 'p1');
  });

  test('overwriting and deleting free the bytes that nobody needs', async () => {
    const { buckets, put, blobCount, bytesOf } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    const first = await put(bucket, 'a', 'one');
    const second = await put(bucket, 'a', 'two');
    assert.notEqual(first.generation, second.generation);
    assert.equal(second.etag, md5(Buffer.from('two')));
    assert.equal((await bytesOf(bucket, 'a')).toString(), 'two');
    assert.equal(await blobCount(), 1);
    const copy = await buckets.copy(second, bucket, 'b', noFacts);
    assert.equal(copy.blobId, second.blobId);
    await buckets.delete(bucket, ['a', 'absent']);
    assert.equal((await bytesOf(bucket, 'b')).toString(), 'two');
    await assert.rejects(buckets.head(bucket, 'a'), { kind: 'object-not-found' });
    await assert.rejects(buckets.deleteBucket(bucket), { kind: 'bucket-not-empty' });
    await buckets.delete(bucket, ['b']);
    await buckets.deleteBucket(bucket);
    assert.equal(await blobCount(), 0);
    await assert.rejects(buckets.deleteBucket(bucket), { kind: 'bucket-not-found' });
  });

  test('conditions hold at publish, and a refused write leaves nothing', async () => {
    const { buckets, receive, put, blobCount } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    const write = async (text: string, conditions: object) =>
      buckets.put(bucket, 'k', await receive(Buffer.from(text)), noFacts, { conditions });
    await assert.rejects(write('x', { ifMatch: ['*'] }), { kind: 'object-not-found' });
    const results = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((text) => write(text, { ifNoneMatch: ['*'] })),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    await assert.rejects(write('x', { ifMatch: ['other'] }), { kind: 'precondition-failed' });
    const current = await buckets.head(bucket, 'k');
    await write('y', { ifMatch: [current.etag] });
    assert.equal(await blobCount(), 1);
    await Promise.all(['e', 'f', 'g', 'h'].map((text) => put(bucket, 'k', text)));
    assert.equal(await blobCount(), 1);
  });

  test('a write into a bucket that is gone is refused and leaves nothing', async () => {
    const { buckets, put, blobCount } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    await buckets.deleteBucket(bucket);
    await assert.rejects(put(bucket, 'a', 'x'), { kind: 'bucket-not-found' });
    await assert.rejects(buckets.createUpload(ann, bucket, 'a', noFacts), { kind: 'bucket-not-found' });
    assert.equal(await blobCount(), 0);
  });

  test('listings come in UTF-8 byte order on every engine', async () => {
    const { buckets, put } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    const keys = ['B', 'a', 'a-', 'a/1', 'a/2', 'ä', '\uff5e', '\u{1f600}'];
    for (const key of keys) await put(bucket, key, key);
    const names = async (query: object) =>
      (
        await buckets.list(bucket, { prefix: '', delimiter: '', after: '', limit: 100, ...query })
      ).entries.map((entry) => entry.item?.key ?? `${entry.prefix}*`);
    assert.deepEqual(await names({}), keys);
    assert.deepEqual(await names({ delimiter: '/' }), ['B', 'a', 'a-', 'a/*', 'ä', '\uff5e', '\u{1f600}']);
    assert.deepEqual(await names({ prefix: 'a/' }), ['a/1', 'a/2']);
    assert.deepEqual(await names({ after: 'ä' }), ['\uff5e', '\u{1f600}']);
    assert.deepEqual(await buckets.usage(bucket), { objects: 8, sizeBytes: 19 });
  });

  const asNamed = (parts: readonly UploadPart[]): NamedPart[] =>
    parts.map((part) => ({ partNumber: part.partNumber, etag: part.md5 }));

  test('an upload in order is hashed while it arrives; Complete moves nothing', async () => {
    const { buckets, blobs, receive, bytesOf, blobCount, followers } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    const upload = await buckets.createUpload(ann, bucket, 'big', {
      headers: { 'content-type': 'x/y' },
      metadata: {},
    });
    const contents = [randomBytes(700_000), randomBytes(300_000), randomBytes(5)];
    const parts: UploadPart[] = [];
    for (const index of [1, 0, 2])
      // the second comes first
      parts[index] = await buckets.putPart(upload, index + 1, await receive(contents[index]!));
    await buckets.putPart(upload, 7, await receive(Buffer.from('not listed')));
    const options = { conditions: {}, leastPartBytes: 1000 };
    const done = await buckets.completeUpload(bucket, 'big', upload.id, asNamed(parts), options);
    const whole = Buffer.concat(contents);
    const raw = Buffer.concat(contents.map((part) => Buffer.from(md5(part), 'hex')));
    assert.equal(done.etag, `${md5(raw)}-3`);
    assert.equal(done.headers['content-type'], 'x/y');
    assert.ok((await bytesOf(bucket, 'big')).equals(whole));
    assert.deepEqual(await buckets.parts(done, 1, 1), [
      { ordinal: 2, start: 700_000, sizeBytes: 300_000, checksum: undefined },
    ]);
    const progress: number[] = [];
    const hashes = await blobs.ensureHashes(done.blobId, { onProgress: (n) => void progress.push(n) });
    assert.equal(hashes.md5, md5(whole));
    assert.equal(hashes.sha512, createHash('sha512').update(whole).digest('hex'));
    assert.deepEqual([followers.length, progress], [1, []]); // by the upload's own follower, no second pass
    assert.equal(await blobCount(), 4); // three parts and the whole
    const again = await buckets.completeUpload(bucket, 'big', upload.id, asNamed(parts), options);
    assert.equal(again.generation, done.generation);
    await assert.rejects(buckets.completeUpload(bucket, 'big', upload.id, asNamed(parts.slice(1)), options), {
      kind: 'upload-not-found',
    });
    await buckets.delete(bucket, ['big']);
    assert.equal(await blobCount(), 0);
    await assert.rejects(buckets.completeUpload(bucket, 'big', upload.id, asNamed(parts), options), {
      kind: 'upload-not-found',
    });
  });

  test('a replaced part makes the early hashes void, not wrong', async () => {
    const { buckets, blobs, receive } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    const upload = await buckets.createUpload(ann, bucket, 'big', noFacts);
    await buckets.putPart(upload, 1, await receive(Buffer.from('first')));
    await buckets.putPart(upload, 2, await receive(Buffer.from('second')));
    await buckets.putPart(upload, 1, await receive(Buffer.from('FIRST')));
    const { parts } = await buckets.listParts(upload, 0, 10);
    const done = await buckets.completeUpload(bucket, 'big', upload.id, asNamed(parts), {
      conditions: {},
      leastPartBytes: 1,
    });
    assert.equal((await blobs.ensureHashes(done.blobId)).md5, md5(Buffer.from('FIRSTsecond')));
  });

  test('a Complete that lies is refused and the upload stays', async () => {
    const { buckets, receive, put } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    await put(bucket, 'big', 'old');
    const upload = await buckets.createUpload(ann, bucket, 'big', noFacts);
    const one = await buckets.putPart(upload, 1, await receive(Buffer.from('1')));
    const two = await buckets.putPart(upload, 2, await receive(Buffer.from('2')));
    const complete = (parts: NamedPart[], options: object = {}) =>
      buckets.completeUpload(bucket, 'big', upload.id, parts, {
        conditions: {},
        leastPartBytes: 1,
        ...options,
      });
    await assert.rejects(complete(asNamed([two, one])), { kind: 'part-order' });
    await assert.rejects(complete([{ partNumber: 3, etag: one.md5 }]), { kind: 'part-invalid' });
    await assert.rejects(complete([{ partNumber: 1, etag: two.md5 }]), { kind: 'part-invalid' });
    await assert.rejects(complete(asNamed([one, two]), { leastPartBytes: 5 }), { kind: 'part-too-small' });
    await assert.rejects(complete(asNamed([one]), { expectedBytes: 5 }), { kind: 'value-invalid' });
    await assert.rejects(complete(asNamed([one]), { conditions: { ifNoneMatch: ['*'] } }), {
      kind: 'precondition-failed',
    });
    assert.equal((await buckets.head(bucket, 'big')).sizeBytes, 3);
    const both = await Promise.all([complete(asNamed([one, two])), complete(asNamed([one, two]))]);
    assert.equal(both[0].generation, both[1].generation);
  });

  test('aborted and expired uploads leave nothing; a part that comes late is refused', async () => {
    const { buckets, receive, blobCount, pass } = await room({ uploadLifeMs: 60_000 });
    const bucket = await buckets.createBucket(ann, 'images');
    const first = await buckets.createUpload(ann, bucket, 'a', noFacts);
    await buckets.putPart(first, 1, await receive(Buffer.from('1')));
    await buckets.abortUpload(first);
    await assert.rejects(buckets.abortUpload(first), { kind: 'upload-not-found' });
    await assert.rejects(buckets.putPart(first, 2, await receive(Buffer.from('2'))), {
      kind: 'upload-not-found',
    });
    const second = await buckets.createUpload(ann, bucket, 'a', noFacts);
    await buckets.putPart(second, 1, await receive(Buffer.from('1')));
    pass(61_000);
    const third = await buckets.createUpload(ann, bucket, 'a', noFacts);
    await buckets.putPart(third, 1, await receive(Buffer.from('1')));
    const query = { prefix: '', delimiter: '', after: '', afterId: '', limit: 10 };
    const listed = async () =>
      (await buckets.listUploads(bucket, query)).entries.map((entry) => entry.item?.id);
    assert.deepEqual(await listed(), [second.id, third.id]);
    assert.equal(await buckets.expireUploads(), 1);
    assert.deepEqual(await listed(), [third.id]);
    await buckets.deleteBucket(bucket); // open uploads don't count
    assert.equal(await blobCount(), 0);
  });

  test('a registration locates what it may read and pins one generation', async () => {
    const { catalog, buckets, put } = await room();
    const bucket = await buckets.createBucket(ann, 'images');
    await put(bucket, 'disk', 'bytes');
    await put(bucket, 'empty', '');
    const pin = await buckets.locate(ann, 'images', 'disk');
    assert.deepEqual([pin.sizeBytes, pin.etag, pin.storageClass], [5, md5(Buffer.from('bytes')), 'STANDARD']);
    await catalog.write((tx) => buckets.pin(tx, pin));
    await assert.rejects(buckets.locate(actorOf('p2'), 'images', 'disk'), {
      kind: 'source-bucket-not-found',
    });
    await assert.rejects(buckets.locate(ann, 'absent', 'disk'), { kind: 'source-bucket-not-found' });
    await assert.rejects(buckets.locate(ann, 'images', 'empty'), { kind: 'source-not-found' });
    await assert.rejects(buckets.locate(ann, 'images', 'absent'), { kind: 'source-not-found' });
    await put(bucket, 'disk', 'bytes');
    await assert.rejects(
      catalog.write((tx) => buckets.pin(tx, pin)),
      { kind: 'source-changed' },
    );
    await buckets.setStorageClass(bucket, 'COLD');
    await assert.rejects(buckets.locate(ann, 'images', 'disk'), { kind: 'source-wrong-storage-class' });
  });
});
