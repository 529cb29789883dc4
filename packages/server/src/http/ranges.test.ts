import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpFault } from './faults.ts';
import { contentRange, ifRangeHolds, parseRange, parseRequestContentRange } from './ranges.ts';

const satisfied: readonly [header: string, start: number, end: number][] = [
  ['bytes=0-3', 0, 4],
  ['bytes=5-', 5, 10],
  ['bytes=-3', 7, 10],
  ['bytes=-99', 0, 10],
  ['bytes=0-99', 0, 10],
  ['Bytes = 2-2', 2, 3],
];
for (const [header, start, end] of satisfied)
  test(`Range "${header}" of ten bytes is [${start}, ${end})`, () => {
    assert.deepEqual(parseRange(header, 10), { start, end });
  });

const refused: readonly [header: string, status: number, text: RegExp][] = [
  ['bytes=10-', 416, /^Invalid start position in Range header\. .*\[0, 9\]\.$/],
  ['bytes=-0', 416, /^Invalid start position/],
  ['bytes=3-1', 416, /^Invalid Range header\.$/],
  ['bytes=abc', 416, /^Invalid Range header\.$/],
  ['bytes=-', 416, /^Invalid Range header\.$/],
  ['items=0-1', 416, /^Invalid Range header\.$/],
  ['bytes=0-1,3-4', 400, /^Requests with multiple ranges are not supported/],
  ['bytes=99999999999999999999-', 416, /^Invalid start position/],
];
for (const [header, status, text] of refused)
  test(`Range "${header}" of ten bytes is refused with ${status}`, () => {
    assert.throws(
      () => parseRange(header, 10),
      (error) =>
        error instanceof HttpFault &&
        error.status === status &&
        text.test(error.message) &&
        (status !== 416 || error.headers['content-range'] === 'bytes */10'),
    );
  });

test('no Range header means the whole, and nothing of an empty file can be ranged', () => {
  assert.equal(parseRange(undefined, 10), undefined);
  assert.throws(() => parseRange('bytes=0-', 0), { kind: 'range-unsatisfiable' });
});

test('Content-Range in a request is an older spelling of a range', () => {
  assert.deepEqual(parseRequestContentRange('bytes 0-3/10', 10), { start: 0, end: 4 });
  assert.deepEqual(parseRequestContentRange('bytes 0-3/*', 10), { start: 0, end: 4 });
  for (const header of ['bytes 0-/10', 'bytes 0-99/10', 'bytes 0-3', 'bytes */10', 'bytes 0-3/11', 'junk'])
    assert.throws(() => parseRequestContentRange(header, 10), { message: 'Invalid Content-Range header.' });
  assert.equal(contentRange({ start: 0, end: 4 }, 10), 'bytes 0-3/10');
});

test('If-Range allows a range only for the same strong tag', () => {
  assert.ok(ifRangeHolds(undefined, undefined));
  assert.ok(ifRangeHolds('"a"', '"a"'));
  assert.ok(!ifRangeHolds('"b"', '"a"'));
  assert.ok(!ifRangeHolds('Wed, 21 Oct 2026 07:28:00 GMT', '"a"'));
});
