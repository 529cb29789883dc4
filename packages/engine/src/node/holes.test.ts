import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { closeThreads } from './close.ts';
import { createHashFollower } from './hash.ts';
import { nextDataOf } from './holes.ts';

const MiB = 1024 * 1024;
const folder = await mkdtemp(join(tmpdir(), 'imageyard-holes-'));
after(async () => {
  await closeThreads();
  await rm(folder, { recursive: true, force: true });
});

/** 16 MiB, of which only the megabyte at 8 MiB is data. */
async function sparseFile() {
  const path = join(folder, 'sparse');
  const file = await open(path, 'w+');
  await file.write(Buffer.alloc(MiB, 7), 0, MiB, 8 * MiB);
  await file.truncate(16 * MiB);
  return { path, file };
}

test('holes: data behind the range that is asked for is not in it', async () => {
  const { file } = await sparseFile();
  // Without a way to ask for holes everything is data.
  for (const end of [MiB, 8 * MiB]) {
    const found = nextDataOf(file.fd, 0, end);
    assert.ok(found === undefined || found.end <= end, JSON.stringify(found));
  }
  await file.close();
});

test('hashing: ranges that end in a hole are hashed to their end and no further', async () => {
  const { path, file } = await sparseFile();
  await file.close();
  const follower = createHashFollower(['md5', 'sha256']);
  for (let at = 0; at < 16; at += 4) follower.feed(path, at * MiB, 4 * MiB);
  const whole = Buffer.alloc(16 * MiB);
  whole.fill(7, 8 * MiB, 9 * MiB);
  const hash = (name: string): string => createHash(name).update(whole).digest('hex');
  assert.deepEqual(await follower.digest(), { md5: hash('md5'), sha256: hash('sha256') });
});
