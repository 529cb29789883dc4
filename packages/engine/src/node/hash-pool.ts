import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { HashAnswer, HashOrder } from './hash-messages.ts';
import { startThread } from './thread-file.ts';

/** Who listens to a hash thread on behalf of one session. */
export interface HashListener {
  answered(answer: HashAnswer): void;
  /** The thread ended by itself. */
  lost(error: Error): void;
}

/** A hash thread with its sessions. */
export class HashThread {
  readonly #worker: Worker;
  readonly #listeners = new Map<number, HashListener>();
  #working = 0;

  constructor(ended: (thread: HashThread) => void) {
    this.#worker = startThread('hash-thread');
    this.#worker.on('message', (answer: HashAnswer) => {
      if (--this.#working === 0) this.#worker.unref();
      this.#listeners.get(answer.session)?.answered(answer);
    });
    const lost = (error: Error): void => {
      ended(this);
      for (const listener of this.#listeners.values()) listener.lost(error);
      this.#listeners.clear();
    };
    this.#worker.on('error', (error: Error) => lost(error));
    this.#worker.on('exit', () => lost(new Error('a hash thread ended')));
  }

  get sessionCount(): number {
    return this.#listeners.size;
  }

  listen(session: number, listener: HashListener): void {
    this.#listeners.set(session, listener);
  }

  forget(session: number): void {
    this.#listeners.delete(session);
  }

  /** Ranges and digests are answered, and keep the process alive until they are. */
  send(order: HashOrder): void {
    if (order.type === 'range' || order.type === 'digest') {
      if (this.#working++ === 0) this.#worker.ref();
    }
    this.#worker.postMessage(order);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

const threads: HashThread[] = [];
const most = Math.max(2, availableParallelism());

/** `count` different threads with the fewest sessions; started when all are taken. */
export function hashThreads(count: number): HashThread[] {
  const free = threads.filter((thread) => thread.sessionCount === 0).length;
  for (let missing = count - free; missing > 0 && threads.length < most; missing--) {
    threads.push(
      new HashThread((ended) => {
        const index = threads.indexOf(ended);
        if (index >= 0) threads.splice(index, 1);
      }),
    );
  }
  const byLoad = [...threads].sort((a, b) => a.sessionCount - b.sessionCount);
  return Array.from({ length: count }, (_, i) => byLoad[i % byLoad.length]!);
}

export async function closeHashThreads(): Promise<void> {
  await Promise.all(threads.splice(0).map((thread) => thread.close()));
}
