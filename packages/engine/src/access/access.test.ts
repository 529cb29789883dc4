import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { concat } from './concat.ts';
import { memoryFile } from './memory-file.ts';
import { Overlay } from './overlay.ts';
import { pageCache } from './page-cache.ts';
import type { RandomAccess } from './random-access.ts';
import { readBytes } from './read.ts';
import { slice } from './slice.ts';
import { SparseMemory } from './sparse-memory.ts';

const counting = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);

/** Every wrapper shows some bytes; any range of them reads alike, and none behind the end. */
async function assertShows(file: RandomAccess, expected: Uint8Array): Promise<void> {
  assert.equal(file.size, expected.length);
  await fc.assert(
    fc.asyncProperty(fc.nat(expected.length), fc.nat(expected.length), async (a, b) => {
      const [start, end] = a < b ? [a, b] : [b, a];
      assert.deepEqual(await readBytes(file, start, end - start), expected.slice(start, end));
    }),
    { numRuns: 50 },
  );
  await assert.rejects(file.read(expected.length, new Uint8Array(1)), { kind: 'disk-truncated' });
  await assert.rejects(file.read(expected.length - 1, new Uint8Array(2)), { kind: 'disk-truncated' });
}

test('access: memory, slice, concat and page cache show their bytes, and nothing behind the end', async () => {
  const bytes = counting(5000);
  const file = memoryFile(bytes);
  await assertShows(file, bytes);
  await assertShows(slice(file, 100, 3000), bytes.subarray(100, 3100));
  const parts = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 4096), bytes.subarray(4096)];
  await assertShows(concat(parts.map(memoryFile)), bytes);
  await assertShows(pageCache(file, 1024, 256), bytes);
});

test('access: a slice behind the end is refused', () => {
  assert.throws(() => slice(memoryFile(counting(10)), 5, 6), { kind: 'disk-truncated' });
});

test('sparse memory: TiB files cost what was written, holes are known, cutting zeroes', async () => {
  const file = new SparseMemory(64 * 1024 ** 4);
  const last = file.size - 1000;
  file.put(last, counting(1000)).put(70_000, Uint8Array.of(1));
  assert.deepEqual(await readBytes(file, last, 1000), counting(1000));
  assert.deepEqual(await file.nextData(0), { start: 65_536, end: 131_072 });
  assert.deepEqual(await file.nextData(131_072), { start: file.size - 65_536, end: file.size });
  await file.truncate(70_000);
  assert.equal(file.size, 70_000);
  file.put(80_000, Uint8Array.of(2));
  assert.deepEqual([...(await readBytes(file, 70_000, 1))], [0]);
});

test('concat: holes of its parts are found at their places', async () => {
  const sparse = new SparseMemory(200_000).put(131_072, Uint8Array.of(1));
  const file = concat([memoryFile(new Uint8Array(10)), sparse]);
  assert.deepEqual(await file.nextData?.(0), { start: 0, end: 10 });
  assert.deepEqual(await file.nextData?.(10), { start: 131_082, end: 10 + 196_608 });
  assert.equal(await file.nextData?.(10 + 196_608), undefined);
});

test('page cache: a page is read once, the least recently used goes first, errors are not kept', async () => {
  const reads: number[] = [];
  let fail = false;
  const file: RandomAccess = {
    size: 10 * 256,
    async read(offset, target) {
      if (fail) throw new Error('lost');
      reads.push(offset / 256);
      target.fill(offset / 256);
    },
  };
  const cache = pageCache(file, 2 * 256, 256);
  await Promise.all([cache.view(0, 256), cache.view(10, 20)]);
  await cache.view(256, 1);
  await cache.view(0, 1);
  await cache.view(512, 1); // page 1 goes
  await cache.view(0, 1);
  assert.deepEqual(reads, [0, 1, 2]);
  fail = true;
  await assert.rejects(cache.view(256, 1), /lost/);
  fail = false;
  assert.deepEqual([...(await cache.view(256, 1))], [1]);
  assert.deepEqual([...(await cache.view(511, 2))], [1, 2]); // a copy across two pages
});

test('overlay: later changes win, zeros and patches alike; the file stays as it was', async () => {
  const bytes = counting(5 * 4096);
  const overlay = new Overlay();
  overlay.patch(4096, new Uint8Array(4096).fill(1));
  overlay.zero(0, 3 * 4096);
  overlay.patch(8192, new Uint8Array(4096).fill(2));
  const file = overlay.over(memoryFile(bytes), 7 * 4096);
  const expected = new Uint8Array(7 * 4096);
  expected.set(bytes.subarray(3 * 4096), 3 * 4096);
  expected.fill(2, 8192, 12_288);
  await assertShows(file, expected);
  assert.equal(overlay.patchCount, 1);
  assert.deepEqual(bytes, counting(5 * 4096));
  assert.throws(() => overlay.patch(100, new Uint8Array(4096)), RangeError);
  assert.throws(() => overlay.zero(0, 100), RangeError);
});

test('overlay: random changes read as if they had been written', async () => {
  const change = fc.record({
    zero: fc.boolean(),
    page: fc.nat(9),
    count: fc.integer({ min: 1, max: 4 }),
    value: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
      const expected = new Uint8Array(14 * 4096).fill(9);
      const overlay = new Overlay();
      const under = memoryFile(expected.slice());
      for (const { zero, page, count, value } of changes) {
        const at = page * 4096;
        if (zero) overlay.zero(at, count * 4096);
        else overlay.patch(at, new Uint8Array(4096).fill(value));
        expected.fill(zero ? 0 : value, at, at + (zero ? count : 1) * 4096);
      }
      assert.deepEqual(await readBytes(overlay.over(under), 0, expected.length), expected);
    }),
  );
});
