import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { LocalTicket, SharedTicket, type Ticket } from './ticket.ts';

const start = { group: 0, fileEnd: 4096 };
const makers: [string, () => Ticket][] = [
  ['local', () => new LocalTicket(start, 512)],
  ['shared', () => new SharedTicket(SharedTicket.start(start), 512)],
];

for (const [name, make] of makers) {
  test(`ticket (${name}): groups without data belong to the claim that skips them`, async () => {
    const ticket = make();
    assert.equal(ticket.next(), 0);
    assert.equal(ticket.claim(0, 5), true);
    assert.equal(ticket.claim(0, 5), false, 'claimed twice');
    assert.equal(ticket.next(), 6);
    assert.equal(ticket.claim(6, 6), true);
    assert.equal(await ticket.place(0, 5, 100), 4096);
    assert.equal(await ticket.place(6, 6, 512), 4608, 'aligned');
  });

  test(`ticket (${name}): a group without output takes no place`, async () => {
    const ticket = make();
    ticket.claim(0, 0);
    ticket.claim(1, 1);
    ticket.claim(2, 2);
    await ticket.place(0, 0, 100);
    assert.equal(await ticket.place(1, 1, 0), 4196);
    assert.equal(await ticket.place(2, 2, 1), 4608);
  });

  test(`ticket (${name}): nothing is placed once stopped`, async () => {
    const ticket = make();
    ticket.claim(0, 0);
    ticket.stop();
    ticket.stop();
    assert.equal(ticket.stopped, true);
    assert.equal(await ticket.place(0, 0, 1), undefined);
  });
}

test('ticket (local): places are given in guest order, whoever asks first', async () => {
  const ticket = new LocalTicket(start, 512);
  ticket.claim(0, 0);
  ticket.claim(1, 3);
  ticket.claim(4, 4);
  const last = ticket.place(4, 4, 512);
  const middle = ticket.place(1, 3, 1024);
  const first = ticket.place(0, 0, 512);
  assert.deepEqual(await Promise.all([first, middle, last]), [4096, 4608, 5632]);
});

/** Threads that claim and place until 2000 groups are gone, each of (group % 7) × 512 bytes. */
const thread = `
  const { workerData, parentPort } = require('node:worker_threads');
  import(workerData.url).then(({ SharedTicket }) => {
    const ticket = new SharedTicket(workerData.memory, 512);
    const places = [];
    for (let from; (from = ticket.next()) < 2000; ) {
      const group = from + (from % 3);
      if (!ticket.claim(from, group)) continue;
      const at = ticket.place(from, group, (from % 7) * 512);
      if (at === undefined) break;
      places.push([from, at]);
    }
    parentPort.postMessage(places);
  });`;

function lanes(count: number, memory: SharedArrayBuffer): Promise<[number, number][][]> {
  const url = new URL('./ticket.ts', import.meta.url).href;
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<[number, number][]>((resolve, reject) => {
          const worker = new Worker(thread, { eval: true, workerData: { url, memory } });
          worker.once('message', resolve).once('error', reject);
        }),
    ),
  );
}

test('ticket (shared): three threads get the places that one would have got', async () => {
  const places = (await lanes(3, SharedTicket.start(start))).flat().sort((a, b) => a[0] - b[0]);
  let [from, at] = [0, 4096];
  for (const [claimed, place] of places) {
    assert.deepEqual([claimed, place], [from, at]);
    at += (from % 7) * 512;
    from += (from % 3) + 1;
  }
  assert.ok(from >= 2000);
});

test('ticket (shared): stopping wakes a thread that waits for a place that never comes', async () => {
  const memory = SharedTicket.start(start);
  const ticket = new SharedTicket(memory, 512);
  assert.equal(ticket.claim(0, 0), true); // never placed: the threads wait for it
  const waiting = lanes(2, memory);
  await new Promise((next) => setTimeout(next, 100));
  ticket.stop();
  assert.deepEqual(await waiting, [[], []]);
});
