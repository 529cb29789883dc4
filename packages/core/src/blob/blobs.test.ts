import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { openSync, readSync, closeSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import type { Digests, HashFollower, HashName } from '@imageyard/engine/node';
import { insertPartsBlob, insertWritingBlob } from '../catalog/blobs.ts';
import { openSqlite } from '../catalog/database.ts';
import { migrate } from '../catalog/migrations/index.ts';
import type { BlobStore, BlobWriter } from '../store/blob-store.ts';
import { openFolderStore } from '../store/folder-store.ts';
import { storeError } from '../store/store-errors.ts';
import { createBlobs } from './blobs.ts';

const root = await mkdtemp(join(tmpdir(), 'imageyard-blobs-'));
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

async function room(graceMs = 0) {
  const folder = await mkdtemp(join(root, 'room-'));
  const store = await openFolderStore(folder);
  const catalog = openSqlite(':memory:');
  await migrate(catalog);
  const blobs = createBlobs({ catalog, store, createHashFollower: inlineFollower, graceMs });
  after(() => catalog.close());
  const rows = () => catalog.db.selectFrom('blobs').selectAll().execute();
  const stored = async () => (await store.list(undefined, 1000)).map((blob) => blob.id);
  return { folder, store, catalog, blobs, rows, stored };
}

/** The store with another way to begin a blob. */
function withCreate(store: BlobStore, create: (id: string) => Promise<BlobWriter>): BlobStore {
  return {
    create,
    open: (id) => store.open(id),
    describe: (id) => store.describe(id),
    stat: (id) => store.stat(id),
    delete: (id) => store.delete(id),
    list: (from, limit) => store.list(from, limit),
    freeBytes: () => store.freeBytes(),
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const body = (...chunks: Uint8Array[]): Readable => Readable.from(chunks);
const limitBytes = 1e9;

test('receive: a small and a large body are stored with their three hashes', async () => {
  const { blobs } = await room();
  for (const size of [0, 1, 256 * 1024, 256 * 1024 + 1, 3 * 1024 * 1024 + 17]) {
    const bytes = randomBytes(size);
    const pieces: Buffer[] = [];
    for (let at = 0; at < size; at += 100_001) pieces.push(bytes.subarray(at, at + 100_001));
    const got = await blobs.receive(Readable.from(pieces), { limitBytes, expectedBytes: size });
    assert.equal(got.sizeBytes, size);
    assert.equal(got.digests.sha256, sha256(bytes));
    assert.equal(got.digests.md5, createHash('md5').update(bytes).digest('hex'));
    assert.equal(got.digests.sha512, createHash('sha512').update(bytes).digest('hex'));
    assert.deepEqual(await buffer(await blobs.stream(got.id)), bytes);
  }
});

test('receive: the head is shown once, before anything is written, and may refuse', async () => {
  const { blobs, rows, stored } = await room();
  const heads: number[] = [];
  const onHead = (head: Uint8Array): void => void heads.push(head.length);
  await blobs.receive(body(Buffer.alloc(10)), { limitBytes, onHead });
  await blobs.receive(body(Buffer.alloc(70_000), Buffer.alloc(70_000)), { limitBytes, onHead });
  assert.deepEqual(heads, [10, 65536]);
  const refuse = (): void => {
    throw new Error('not this one');
  };
  await assert.rejects(
    blobs.receive(body(Buffer.alloc(70_000)), { limitBytes, onHead: refuse }),
    /not this one/,
  );
  assert.equal((await rows()).length, 2);
  assert.equal((await stored()).length, 2);
});

test('receive: every chunk is seen in order', async () => {
  const { blobs } = await room();
  const hash = createHash('sha256');
  const bytes = randomBytes(2_500_000);
  const chunks = [bytes.subarray(0, 7), bytes.subarray(7, 2_000_000), bytes.subarray(2_000_000)];
  await blobs.receive(body(...chunks), { limitBytes, onChunk: (chunk) => void hash.update(chunk) });
  assert.equal(hash.digest('hex'), sha256(bytes));
});

test('receive: what is not what was announced is refused and leaves nothing', async () => {
  const { blobs, rows, stored } = await room();
  const ten = () => body(Buffer.alloc(10));
  await assert.rejects(blobs.receive(ten(), { limitBytes, expectedBytes: 11 }), {
    kind: 'request-malformed',
    facts: { expectedBytes: 11, receivedBytes: 10 },
  });
  await assert.rejects(blobs.receive(ten(), { limitBytes, expectedBytes: 9 }), { kind: 'request-malformed' });
  await assert.rejects(blobs.receive(ten(), { limitBytes: 9 }), { kind: 'source-too-large' });
  await assert.rejects(blobs.receive(ten(), { limitBytes: 9, expectedBytes: 10 }), {
    kind: 'source-too-large',
  });
  await assert.rejects(blobs.receive(ten(), { limitBytes, expectedDigests: { md5: '00' } }), {
    kind: 'value-invalid',
  });
  assert.deepEqual(await rows(), []);
  assert.deepEqual(await stored(), []);
});

test('receive: a client that vanishes leaves nothing', async () => {
  const { blobs, rows, stored } = await room();
  const broken = new Readable({ read() {} });
  const receiving = blobs.receive(broken, { limitBytes });
  broken.push(randomBytes(2_000_000));
  const vanish = (): void => void broken.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  const read = setInterval(() => {
    if (broken.readableLength > 0) return; // still unread
    clearInterval(read);
    setTimeout(vanish, 20);
  }, 5);
  await assert.rejects(receiving, {
    kind: 'request-malformed',
    facts: { receivedBytes: 2_000_000, disconnected: true },
  });
  const stopped = new AbortController();
  const endless = new Readable({ read() {} });
  const aborted = blobs.receive(endless, { limitBytes, signal: stopped.signal });
  setTimeout(() => stopped.abort(new Error('stopping')), 20);
  await assert.rejects(aborted, /stopping/);
  assert.ok(endless.destroyed);
  assert.deepEqual(await rows(), []);
  assert.deepEqual(await stored(), []);
});

test('receive: a client that vanishes before the first byte is read leaves nothing', async () => {
  const { blobs, rows, stored } = await room();
  const gone = new Readable({ read() {} });
  const receiving = blobs.receive(gone, { limitBytes });
  gone.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  await assert.rejects(receiving, { kind: 'request-malformed' });
  assert.deepEqual(await rows(), []);
  assert.deepEqual(await stored(), []);
});

test('receive: a full disk is storage-full and leaves nothing', async () => {
  const { catalog, store, rows, stored } = await room();
  const full = withCreate(store, async (id: string) => {
    const writer = await store.create(id);
    writer.write = () =>
      Promise.reject(storeError(Object.assign(new Error('no space'), { code: 'ENOSPC' }), id));
    return writer;
  });
  const blobs = createBlobs({ catalog, store: full, createHashFollower: inlineFollower });
  await assert.rejects(blobs.receive(body(randomBytes(5_000_000)), { limitBytes }), { kind: 'storage-full' });
  assert.deepEqual(await rows(), []);
  assert.deepEqual(await stored(), []);
});

test('receive: the stream waits while the disk does', async () => {
  const { catalog, store } = await room();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = withCreate(store, async (id: string) => {
    const writer = await store.create(id);
    const write = writer.write.bind(writer);
    writer.write = async (offset, bytes) => {
      await gate;
      return write(offset, bytes);
    };
    return writer;
  });
  const blobs = createBlobs({ catalog, store: slow, createHashFollower: inlineFollower });
  let produced = 0;
  const source = new Readable({
    highWaterMark: 65536,
    read() {
      produced += 65536;
      this.push(produced > 64 * 1024 * 1024 ? null : Buffer.alloc(65536));
    },
  });
  const receiving = blobs.receive(source, { limitBytes });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(produced < 4 * 1024 * 1024, `${produced} bytes were read while nothing could be written`);
  release();
  assert.equal((await receiving).sizeBytes, 64 * 1024 * 1024);
});

/** A blob of three parts, one of them empty, as a multipart upload makes it. */
async function partsBlob(
  blobs: Awaited<ReturnType<typeof room>>['blobs'],
  catalog: Awaited<ReturnType<typeof room>>['catalog'],
) {
  const contents = [randomBytes(700_000), randomBytes(0), randomBytes(5), randomBytes(300_000)];
  const parts: { id: string; size: number }[] = [];
  for (const content of contents) {
    const got = await blobs.receive(body(content), { limitBytes });
    parts.push({ id: got.id, size: content.length });
  }
  const id = randomBytes(16).toString('hex');
  await catalog.write((tx) => insertPartsBlob(tx, id, parts, {}, 1));
  return { id, parts, bytes: Buffer.concat(contents) };
}

test('parts: ranges across borders read as one run of bytes', async () => {
  const { blobs, catalog } = await room();
  const { id, bytes } = await partsBlob(blobs, catalog);
  const open = await blobs.open(id);
  assert.equal(open.size, bytes.length);
  for (const [start, length] of [
    [0, 10],
    [699_999, 10],
    [700_000, 5],
    [700_004, 2],
    [0, bytes.length],
    [bytes.length, 0],
  ] as const) {
    const target = Buffer.alloc(length);
    await open.read(start, target);
    assert.deepEqual(target, bytes.subarray(start, start + length));
  }
  await assert.rejects(open.read(bytes.length - 1, Buffer.alloc(2)), { kind: 'disk-truncated' });
  await open.close();
  assert.deepEqual(
    await buffer(await blobs.stream(id, { start: 699_000, end: 701_000 })),
    bytes.subarray(699_000, 701_000),
  );
  const spec = await blobs.describe(id);
  assert.equal(spec.kind === 'parts' && spec.parts.length, 4);
});

test('parts: missing hashes of the whole are taken once and kept', async () => {
  const { blobs, catalog, rows } = await room();
  const { id, bytes } = await partsBlob(blobs, catalog);
  let passes = 0;
  const counted = createBlobs({
    catalog,
    store: (await room()).store,
    createHashFollower: inlineFollower,
  });
  const progress: number[] = [];
  const both = await Promise.all([
    blobs.ensureHashes(id, { onProgress: (done) => void (progress.push(done), (passes += 1)) }),
    blobs.ensureHashes(id),
  ]);
  assert.equal(both[0].sha256, sha256(bytes));
  assert.deepEqual(both[0], both[1]);
  assert.equal(progress.at(-1), bytes.length);
  assert.equal(passes, 1);
  // Another store would have no bytes to read: the answer comes from the row.
  assert.deepEqual(await counted.ensureHashes(id), both[0]);
  assert.equal((await rows()).find((row) => row.id === id)?.sha512, both[0].sha512);
});

test('parts: a caller that stops waiting gets its reason', async () => {
  const { blobs, catalog } = await room();
  const { id } = await partsBlob(blobs, catalog);
  await assert.rejects(
    blobs.ensureHashes(id, { signal: AbortSignal.abort(new Error('no longer')) }),
    /no longer/,
  );
});

test('drop: keeps a referenced blob, removes the bytes of others, twice as well as once', async () => {
  const { blobs, catalog, rows, stored } = await room();
  const { id, parts } = await partsBlob(blobs, catalog);
  await blobs.drop(parts[0]!.id); // the whole refers to it
  assert.equal((await rows()).length, 5);
  await blobs.drop(id);
  await blobs.drop(id);
  await blobs.close();
  assert.deepEqual(await rows(), []);
  assert.deepEqual(await stored(), []);
  assert.deepEqual(await catalog.db.selectFrom('doomed_blobs').selectAll().execute(), []);
});

test('drop: a part that another blob needs as well stays', async () => {
  const { blobs, catalog, rows } = await room();
  const { id, parts } = await partsBlob(blobs, catalog);
  const other = randomBytes(16).toString('hex');
  await catalog.write((tx) => insertPartsBlob(tx, other, [parts[2]!], {}, 1));
  await blobs.drop(id);
  assert.deepEqual(new Set((await rows()).map((row) => row.id)), new Set([other, parts[2]!.id]));
});

test('drop: bytes outlive the row by the grace', async () => {
  const { blobs, stored } = await room(60_000);
  const { id } = await blobs.receive(body(Buffer.from('x')), { limitBytes });
  await blobs.drop(id);
  assert.equal((await blobs.sweep()).removed, 0);
  assert.deepEqual(await stored(), [id]);
});

test('drop: bytes that are being read stay until the reader lets go', async () => {
  const { blobs, catalog, stored } = await room();
  const { id, bytes } = await partsBlob(blobs, catalog);
  const stream = await blobs.stream(id);
  await blobs.drop(id);
  await blobs.sweep();
  assert.deepEqual(await buffer(stream), bytes);
  await new Promise((resolve) => setImmediate(resolve));
  await blobs.sweep();
  assert.deepEqual(await stored(), []);
});

test('sweep: forgets attempts that are over, and blobs of a past process that nobody refers to', async () => {
  const { store, catalog, rows, stored } = await room();
  const past = createBlobs({ catalog, store, createHashFollower: inlineFollower, writer: 'past' });
  const { id: kept } = await past.receive(body(Buffer.from('kept')), { limitBytes });
  await past.receive(body(Buffer.from('lost')), { limitBytes });
  const whole = randomBytes(16).toString('hex');
  await catalog.write((tx) => insertPartsBlob(tx, whole, [{ id: kept, size: 4 }], {}, 1));
  await sql`create table probe (blob_id text references blobs (id) on delete restrict)`.execute(catalog.db);
  await sql`insert into probe values (${whole})`.execute(catalog.db);
  const half = randomBytes(16).toString('hex');
  await catalog.write((tx) => insertWritingBlob(tx, half, { writer: 'past' }, 1));
  const writer = await store.create(half);
  await writer.save(0, Buffer.from('note'));
  await writer.close();
  const ofJob = randomBytes(16).toString('hex');
  await catalog.write((tx) => insertWritingBlob(tx, ofJob, { jobId: 'gone', fence: 1 }, 1));
  const blobs = createBlobs({ catalog, store, createHashFollower: inlineFollower });
  const mine = await blobs.receive(body(Buffer.from('mine')), { limitBytes });
  assert.deepEqual(await blobs.sweep(), { stale: 2, unreferenced: 1, removed: 3 });
  assert.deepEqual(new Set((await rows()).map((row) => row.id)), new Set([kept, whole, mine.id]));
  assert.deepEqual(new Set(await stored()), new Set([kept, mine.id]));
  assert.deepEqual(await blobs.sweep(), { stale: 0, unreferenced: 0, removed: 0 });
});

test('stream: a reader that goes away closes the file', async () => {
  const { blobs, folder } = await room();
  const { id } = await blobs.receive(body(randomBytes(3_000_000)), { limitBytes });
  const openFiles = async (): Promise<number> => {
    if (process.platform !== 'linux') return 0;
    const { readlink } = await import('node:fs/promises');
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    return links.filter((link) => link.startsWith(folder)).length;
  };
  const stop = new AbortController();
  const stream = await blobs.stream(id, undefined, stop.signal);
  stream.once('error', () => {});
  stop.abort(new Error('gone'));
  await new Promise((resolve) => stream.once('close', resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await openFiles(), 0);
});
