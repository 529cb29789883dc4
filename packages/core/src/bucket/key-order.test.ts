import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterPrefix, compareKeys } from './key-order.ts';
import { isBucketName } from './names.ts';

test('keys are ordered by UTF-8 bytes, not by UTF-16 units', () => {
  // U+FF5E is greater than the surrogates of U+1F600 as UTF-16, smaller as UTF-8.
  assert.deepEqual(['\u{1f600}', '\uff5e', 'z'].sort(compareKeys), ['z', '\uff5e', '\u{1f600}']);
});

test('behind a prefix: greater than every key with it, and nothing in between', () => {
  assert.equal(afterPrefix('a/'), 'a0');
  assert.equal(afterPrefix('\ud7ff'), '\ue000');
  assert.equal(afterPrefix('a\u{10ffff}'), 'b');
  assert.equal(afterPrefix('\u{10ffff}'), undefined);
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, text, (prefix, rest, other) => {
      const next = afterPrefix(prefix);
      if (next === undefined) return;
      assert.ok(compareKeys(prefix + rest, next) < 0);
      if (compareKeys(other, prefix) > 0 && !other.startsWith(prefix))
        assert.ok(compareKeys(other, next) >= 0, JSON.stringify({ prefix, other, next }));
    }),
  );
});

test('bucket names follow the rules of S3 and OBS', () => {
  for (const name of ['abc', 'a.b-c', '1abc', 'v2.1', 'a'.repeat(63)]) assert.ok(isBucketName(name), name);
  for (const name of ['ab', 'a'.repeat(64), 'Abc', 'a_b', '-ab', 'ab-', 'a..b', 'a.-b', 'a-.b', '10.0.0.1'])
    assert.ok(!isBucketName(name), name);
  for (const name of ['xn--abc', 'abc-s3alias', 'abc--ol-s3', 'a b', 'äbc', ''])
    assert.ok(!isBucketName(name), name);
});
