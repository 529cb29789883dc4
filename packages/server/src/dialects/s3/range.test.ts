import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRange } from './range.ts';

test('one sound range is cut to the object', () => {
  assert.deepEqual(parseRange('bytes=0-3', 10), { start: 0, end: 4 });
  assert.deepEqual(parseRange('bytes=5-', 10), { start: 5, end: 10 });
  assert.deepEqual(parseRange('bytes=-3', 10), { start: 7, end: 10 });
  assert.deepEqual(parseRange('bytes=-99', 10), { start: 0, end: 10 });
});

test('numbers of any length are numbers', () => {
  const huge = '9'.repeat(400);
  assert.deepEqual(parseRange(`bytes=2-${huge}`, 10), { start: 2, end: 10 });
  assert.deepEqual(parseRange(`bytes=-${huge}`, 10), { start: 0, end: 10 });
  for (const first of ['10', '99999999999999999999', huge])
    assert.throws(() => parseRange(`bytes=${first}-`, 10), { code: 'InvalidRange' });
});

test('what is no sound range asks for everything', () => {
  for (const header of [undefined, '', 'bytes=-', 'bytes=3-1', 'bytes=a-b', 'items=0-1', 'bytes=0-1,3-4'])
    assert.equal(parseRange(header, 10), undefined);
});
