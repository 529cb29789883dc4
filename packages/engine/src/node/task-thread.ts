import { parentPort } from 'node:worker_threads';
import { tasks } from './tasks.ts';
import type { TaskAnswer, TaskOrder } from './task-messages.ts';
import { encodeError } from './thread-error.ts';

/** A thread of the task pool: one task at a time, its errors as values. */
const answer = (message: TaskAnswer): void => parentPort!.postMessage(message);

parentPort!.on('message', (task: TaskOrder) => void run(task));

async function run({ id, kind, order, control }: TaskOrder): Promise<void> {
  const flag = new Int32Array(control);
  const context = {
    throwIfStopped(): void {
      if (Atomics.load(flag, 0) === 1) throw new Error('stopped');
    },
    tellGroups: (groups: readonly never[]) => answer({ id, type: 'groups', groups }),
  };
  try {
    const task = tasks[kind] as (order: unknown, context: unknown) => Promise<unknown>;
    answer({ id, type: 'result', result: await task(order, context) });
  } catch (error) {
    answer({ id, type: 'error', error: encodeError(error) });
  }
}
