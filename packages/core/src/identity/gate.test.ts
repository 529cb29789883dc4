import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGate } from './gate.ts';

test('at most two run at once, the others wait in order, and one too many is refused', async () => {
  const enter = createGate(2, 3);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const task = (n: number) => async () => {
    order.push(n);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
    if (n === 1) throw new Error('one fails');
    return n;
  };
  const outcomes = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((n) => enter(task(n))));
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  );
  assert.equal((outcomes[5] as PromiseRejectedResult).reason.kind, 'login-busy');
  assert.equal(await enter(task(6)), 6); // the places are free again
});
