import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digests, HashFollower } from '@imageyard/engine/node';
import { openSqlite } from '../catalog/database.ts';
import { migrate } from '../catalog/migrations/index.ts';
import type { RunningHashes } from '../blob/types.ts';
import type { UploadPart } from './types.ts';
import { createUploadHasher } from './upload-hasher.ts';

const part = (partNumber: number, blobId = `blob-${partNumber}`): UploadPart => ({
  partNumber,
  blobId,
  sizeBytes: 10,
  md5: '',
  checksum: undefined,
  createdAt: 0,
});

async function room() {
  const catalog = openSqlite(':memory:');
  await migrate(catalog);
  /** What each follower was fed, in order. */
  const fed: string[][] = [];
  const passes = new Map<string, RunningHashes>();
  const hasher = createUploadHasher({
    catalog,
    blobs: {
      describe: (id) => Promise.resolve({ kind: 'file', path: id }),
      awaitHashes: (id, pass) => void passes.set(id, pass),
    },
    createHashFollower: (): HashFollower => {
      const mine: string[] = [];
      fed.push(mine);
      return {
        feed: (path) => void mine.push(path),
        bytesDone: 0,
        digest: () => Promise.resolve({ md5: mine.join() } as Digests),
        abandon: () => void mine.push('abandoned'),
      };
    },
  });
  return { hasher, fed, passes, close: () => catalog.close() };
}

test('parts are fed in the order of their numbers, early ones when their turn comes', async () => {
  const { hasher, fed, passes, close } = await room();
  for (const number of [3, 1, 2]) hasher.partArrived('u', part(number));
  hasher.completed('u', 'whole', [part(1), part(2), part(3), part(9)]);
  assert.equal((await passes.get('whole')!.digests).md5, 'blob-1,blob-2,blob-3,blob-9');
  assert.equal(fed.length, 1);
  await close();
});

test('numbers that don’t begin with 1, replaced and dropped parts are left to a later pass', async () => {
  const { hasher, fed, passes, close } = await room();
  hasher.partArrived('gap', part(2));
  hasher.completed('gap', 'gap', [part(2)]);
  hasher.partArrived('replaced', part(1));
  hasher.partArrived('replaced', part(1, 'other'));
  hasher.partArrived('dropped', part(1));
  hasher.completed('dropped', 'dropped', [part(2)]);
  await assert.rejects(passes.get('gap')!.digests);
  await assert.rejects(passes.get('dropped')!.digests);
  assert.deepEqual(
    fed.map((paths) => paths.at(-1)),
    ['abandoned', 'abandoned', 'abandoned'],
  );
  await close();
});

test('only so many uploads are followed at a time, and those that go on keep their place', async () => {
  const { hasher, fed, passes, close } = await room();
  for (let i = 0; i < 20; i += 1) hasher.partArrived(`u${i}`, part(1));
  for (let i = 0; i < 20; i += 1) hasher.partArrived(`u${i}`, part(2));
  assert.equal(fed.length, 16);
  hasher.completed('u0', 'first', [part(1), part(2)]);
  assert.equal((await passes.get('first')!.digests).md5, 'blob-1,blob-2');
  hasher.partArrived('u19', part(3)); // there is a place now
  assert.equal(fed.length, 17);
  hasher.close();
  await close();
});
