import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allValues, isMalformed, lastValue, parseQuery } from './query.ts';

test('names come once or in their order, a plus is a space, a name alone is empty', () => {
  const query = parseQuery('a=1&b=x+y%26&a=2&c&a=3&=v');
  assert.deepEqual({ ...query }, { a: ['1', '2', '3'], b: 'x y&', c: '', '': 'v' });
  assert.equal(lastValue(query, 'a'), '3');
  assert.deepEqual(allValues(query, 'a'), ['1', '2', '3']);
  assert.deepEqual(allValues(query, 'nope'), []);
});

test('no name reaches a prototype, and bad encoding is marked rather than thrown', () => {
  const query = parseQuery('__proto__=x&constructor=y');
  assert.equal(Object.getPrototypeOf(query), null);
  assert.equal(lastValue(query, '__proto__'), 'x');
  assert.equal(lastValue(parseQuery(''), 'toString'), undefined);
  assert.ok(isMalformed(parseQuery('a=%ff')));
  assert.ok(!isMalformed(query));
});
