import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UsedRanges } from './used-ranges.ts';

const ranges = fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 12 })), { maxLength: 2000 });

test('used ranges: exactly the ranges that meet an earlier one are told, with a byte of it', () => {
  fc.assert(
    fc.property(ranges, (drawn) => {
      const used = new UsedRanges(5000);
      const bytes = new Set<number>();
      for (const [start, length] of drawn) {
        const wanted = Array.from({ length }, (_, i) => start + i);
        const met = wanted.filter((byte) => bytes.has(byte));
        const told = used.add(start, start + length);
        if (met.length === 0) {
          assert.equal(told, undefined);
          for (const byte of wanted) bytes.add(byte);
        } else {
          assert.ok(told !== undefined && bytes.has(told) && wanted.includes(told));
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('used ranges: random order beyond one chunk is exact too', () => {
  const used = new UsedRanges(2 ** 40);
  const order = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 20_000);
  for (const i of order) assert.equal(used.add(i * 100, i * 100 + 50), undefined);
  for (const i of order) assert.equal(used.add(i * 100 + 49, i * 100 + 51), i * 100 + 49);
  assert.ok(used.exact);
});

test('used ranges: beyond the budget memory stays, whole units are still found, neighbours are no overlap', () => {
  const size = 2 ** 30;
  const used = new UsedRanges(size, 64 * 1024); // 4096 intervals, then a granule of 2 KiB
  const unit = 8192;
  // 100 bytes apart from a multiple of the granule, so that neighbours share granules.
  for (let i = 0; i < 20_000; i++)
    assert.equal(used.add(100 + i * unit * 2, 100 + i * unit * 2 + unit), undefined);
  assert.ok(!used.exact);
  assert.equal(used.add(100 + unit, 100 + 2 * unit), undefined);
  assert.notEqual(used.add(100 + 19_999 * unit * 2, 100 + 19_999 * unit * 2 + unit), undefined);
  assert.notEqual(used.add(100, 100 + unit), undefined, 'what was taken before the change counts');
});
