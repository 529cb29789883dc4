import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createByteBudget } from './byte-budget.ts';

test('who gets no bytes waits in line until enough are given back', async () => {
  const budget = createByteBudget(10);
  let log: readonly string[] = [];
  const note = (word: string): void => {
    log = [...log, word];
  };
  const first = await budget.take(6);
  const second = budget.take(6).then((back) => (note('second'), back));
  const third = budget.take(1).then((back) => (note('third'), back)); // would fit, but is not first
  await turn();
  assert.deepEqual(log, []);
  first();
  first(); // twice counts once
  await turn();
  assert.deepEqual(log, ['second', 'third']);
  (await second)();
  (await third)();
  const whole = await budget.take(1_000_000); // more than there is: alone
  const last = budget.take(1).then((back) => (note('last'), back));
  await turn();
  assert.equal(log.length, 2);
  whole();
  (await last)();
});
