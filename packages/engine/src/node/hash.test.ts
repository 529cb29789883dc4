import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  openSync,
  ftruncateSync,
  writeSync,
  closeSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { closeThreads, createHashFollower, hashSource } from './index.ts';
import type { Digests, HashName } from './types.ts';

const MiB = 1024 * 1024;
const all: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha512'];
const folder = mkdtempSync(join(tmpdir(), 'imageyard-hash-'));
after(async () => {
  await closeThreads();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `f${++files}`);
  writeFileSync(path, bytes);
  return path;
}
const expected = (bytes: Uint8Array, names: readonly HashName[] = all): Digests =>
  Object.fromEntries(names.map((name) => [name, createHash(name).update(bytes).digest('hex')]));
/** Descriptors of this process that lead into the test's folder. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  });

/** A hash thread may still hold a last item when its session has failed. */
async function assertNoOpenFiles(): Promise<void> {
  for (let i = 0; i < 400 && openFiles().length > 0; i++) await new Promise((next) => setTimeout(next, 5));
  assert.deepEqual(openFiles(), []);
}

const data = randomBytes(9 * MiB + 777);

test('hash: a source of one file gives the digests that were asked for, and progress up to its end', async () => {
  const told: number[] = [];
  const digests = await hashSource({ kind: 'file', path: fileOf(data) }, ['md5', 'sha512'], {
    onProgress: (done, total) => void told.push(done, total),
  });
  assert.deepEqual(digests, expected(data, ['md5', 'sha512']));
  assert.deepEqual(told.slice(-2), [data.length, data.length]);
});

test('hash: a source of several parts is one run of bytes, empty parts included', async () => {
  const cuts = [0, 5, 5, 4 * MiB + 1, data.length];
  const parts = cuts.slice(1).map((end, i) => {
    const bytes = data.subarray(cuts[i], end);
    return { path: fileOf(bytes), size: bytes.length };
  });
  assert.deepEqual(await hashSource({ kind: 'parts', parts }, all), expected(data));
});

test('hash: an empty file has the digests of nothing', async () => {
  assert.deepEqual(
    await hashSource({ kind: 'file', path: fileOf(new Uint8Array(0)) }, all),
    expected(new Uint8Array(0)),
  );
});

test('hash: holes count as zeros', async () => {
  const path = join(folder, 'sparse');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, 64 * MiB);
  writeSync(fd, data, 0, 100_000, 20 * MiB + 5);
  closeSync(fd);
  const whole = Buffer.alloc(64 * MiB);
  whole.set(data.subarray(0, 100_000), 20 * MiB + 5);
  assert.deepEqual(await hashSource({ kind: 'file', path }, all), expected(whole));
});

test('hash: ranges count in the order in which they are fed, while the file still grows', async () => {
  const path = join(folder, 'growing');
  const fd = openSync(path, 'w');
  const follower = createHashFollower(all);
  for (let at = 0; at < data.length; at += 700_001) {
    const length = Math.min(700_001, data.length - at);
    writeSync(fd, data, at, length, at);
    follower.feed(path, at, length);
    if (at % 3 === 0) await new Promise((next) => setTimeout(next, 2));
  }
  closeSync(fd);
  assert.deepEqual(await follower.digest(), expected(data));
  assert.equal(follower.bytesDone, data.length);
});

test('hash: a file may be renamed or deleted as soon as it was fed', async () => {
  const follower = createHashFollower(['sha256']);
  const pieces = [data.subarray(0, 5 * MiB), data.subarray(5 * MiB)];
  for (const [i, piece] of pieces.entries()) {
    const path = fileOf(piece);
    follower.feed(path, 0, piece.length);
    if (i === 0) renameSync(path, `${path}.moved`);
    else rmSync(path);
  }
  assert.deepEqual(await follower.digest(), expected(data, ['sha256']));
});

test('hash: sessions side by side do not mix, and no file stays open', async () => {
  const inputs = Array.from({ length: 12 }, (_, i) => data.subarray(i * 1000, i * 1000 + 600_000 + i));
  const digests = await Promise.all(
    inputs.map((bytes) => hashSource({ kind: 'file', path: fileOf(bytes) }, all)),
  );
  assert.deepEqual(
    digests,
    inputs.map((bytes) => expected(bytes)),
  );
  await assertNoOpenFiles();
});

test('hash: a file shorter than what was fed is an error, kind disk-changed', async () => {
  const follower = createHashFollower(all);
  follower.feed(fileOf(data.subarray(0, 1000)), 0, 1001);
  await assert.rejects(follower.digest(), { kind: 'disk-changed' });
  await assert.rejects(follower.digest(), { kind: 'disk-changed' }, 'asked again');
  await assertNoOpenFiles();
});

test('hash: a file that is not there is an error of digest, not of feed', async () => {
  const follower = createHashFollower(['md5']);
  follower.feed(join(folder, 'absent'), 0, 10);
  await assert.rejects(follower.digest(), { code: 'ENOENT' });
});

test('hash: an abandoned follower gives its files back and answers nothing', async () => {
  const follower = createHashFollower(all);
  const path = fileOf(data);
  follower.feed(path, 0, data.length);
  follower.abandon();
  follower.abandon();
  follower.feed(path, 0, 5);
  await assert.rejects(follower.digest(), /abandoned/);
  await assertNoOpenFiles();
});

test('hash: an aborted source ends with the reason', async () => {
  const controller = new AbortController();
  const hashing = hashSource({ kind: 'file', path: fileOf(data) }, all, { signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason); // before any thread can have answered
  await assert.rejects(hashing, reason);
});
