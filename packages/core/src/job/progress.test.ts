import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeavySlots } from './heavy-slots.ts';
import { ProgressTracker } from './progress.ts';

function tracker(reached = 0) {
  const clock = { ms: 0 };
  return { clock, progress: new ProgressTracker(() => clock.ms, reached) };
}

test('progress: never falls, whatever plan comes next', () => {
  const { progress } = tracker();
  let last = 0;
  const check = (): void => {
    assert.ok(progress.fraction >= last, `${progress.fraction} after ${last}`);
    last = progress.fraction;
  };
  progress.plan([
    { stage: 'detect', weight: 1 },
    { stage: 'convert', weight: 9 },
  ]);
  progress.enter('detect');
  progress.leave('detect');
  check();
  progress.plan([
    { stage: 'detect', weight: 1 },
    { stage: 'convert', weight: 500 },
    { stage: 'hash', weight: 300 },
  ]);
  check();
  progress.enter('convert', 100);
  for (const done of [10, 50, 40, 100]) {
    progress.update('convert', done, 100);
    check();
  }
  progress.update('hash', 99, 100);
  check();
  assert.ok(last > 0.9 && last < 1);
});

test('progress: a resumed job goes on from what it showed', () => {
  const { progress } = tracker(0.6);
  progress.update('convert', 50, 100);
  progress.plan([{ stage: 'convert', weight: 1 }]);
  assert.ok(Math.abs(progress.fraction - 0.6) < 1e-9);
  progress.update('convert', 75, 100);
  assert.ok(Math.abs(progress.fraction - 0.8) < 1e-9);
});

test('progress: hashing has a share of its own, so that it never waits at 99 %', () => {
  const { progress } = tracker();
  progress.plan([
    { stage: 'convert', weight: 3 },
    { stage: 'hash', weight: 2 },
  ]);
  progress.update('convert', 1, 1);
  assert.ok(Math.abs(progress.fraction - 0.6) < 1e-9);
});

test('progress: rate and remaining time come from what was moved lately', () => {
  const { clock, progress } = tracker();
  progress.plan([{ stage: 'convert', weight: 1 }]);
  progress.enter('convert', 1000);
  assert.equal(progress.current().etaSeconds, null);
  for (let second = 1; second <= 5; second += 1) {
    clock.ms = second * 1000;
    progress.update('convert', second * 100, 1000);
  }
  const now = progress.current();
  assert.equal(now.bytesPerSecond, 100);
  assert.equal(now.etaSeconds, 5);
  assert.equal(now.bytesDone, 500);
});

test('heavy slots: the project with the fewest goes first, then who waits longest', async () => {
  const slots = new HeavySlots(2);
  const signal = new AbortController().signal;
  const begun: string[] = [];
  const enter = async (project: string, name: string) => {
    const leave = await slots.enter(project, signal);
    begun.push(name);
    return leave;
  };
  const a1 = await enter('a', 'a1');
  await enter('a', 'a2');
  const a3 = enter('a', 'a3');
  const b1 = enter('b', 'b1');
  a1();
  await b1;
  assert.deepEqual(begun, ['a1', 'a2', 'b1']);
  (await b1)();
  await a3;
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'a3']);
});

test('heavy slots: who stops waiting takes no place', async () => {
  const slots = new HeavySlots(1);
  const leave = await slots.enter('a', new AbortController().signal);
  const stop = new AbortController();
  const waiting = slots.enter('a', stop.signal);
  stop.abort(new Error('no longer'));
  await assert.rejects(waiting, /no longer/);
  leave();
  leave();
  const next = await slots.enter('b', new AbortController().signal);
  next();
});

test('bytes of a stage that an earlier attempt was in do not go back', () => {
  const progress = new ProgressTracker(() => 0, 0.4, { stage: 'convert', bytesDone: 600 });
  progress.enter('convert', 700);
  assert.equal(progress.current().bytesDone, 600);
  progress.update('convert', 100, 700);
  assert.equal(progress.current().bytesDone, 600);
  progress.update('convert', 650, 700);
  assert.equal(progress.current().bytesDone, 650);
  progress.enter('hash', 900);
  assert.equal(progress.current().bytesDone, 0);
});
