import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { GroupDone } from '../convert/lane.ts';
import type { TaskAnswer, TaskKind, TaskOrder, Tasks } from './task-messages.ts';
import { decodeError } from './thread-error.ts';
import { startThread } from './thread-file.ts';

export interface TaskHooks {
  readonly signal?: AbortSignal | undefined;
  onGroups?(groups: readonly GroupDone[]): void;
  /** Start a thread rather than wait for one. */
  readonly urgent?: boolean;
}

interface Task {
  readonly order: TaskOrder;
  readonly hooks: TaskHooks;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Threads for tasks, one task at a time each; kept for the next, at most as many as cores. Urgent
 * tasks (checks, and the first lane of each conversion) don't wait for others' lanes: for them a
 * thread is started and ended again if too many are idle afterwards. Idle threads don't keep the
 * process alive.
 */
const most = availableParallelism();
const idle: Worker[] = [];
const running = new Map<Worker, Task>();
const waiting: Task[] = [];
let tasks = 0;

/**
 * Run a task in a thread. An aborted task ends at its next read.
 * @throws the task's error; the signal's reason once the task has ended
 */
export async function runTask<K extends TaskKind>(
  kind: K,
  order: Tasks[K]['order'],
  hooks: TaskHooks = {},
): Promise<Tasks[K]['result']> {
  const { signal } = hooks;
  signal?.throwIfAborted();
  const control = new SharedArrayBuffer(4);
  const stop = (): void => void Atomics.store(new Int32Array(control), 0, 1);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return (await new Promise<unknown>((resolve, reject) => {
      waiting.push({ order: { id: ++tasks, kind, order, control }, hooks, resolve, reject });
      pump();
    })) as Tasks[K]['result'];
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** End all threads; tasks that run fail. For tests and for the end of a program. */
export async function closeTaskThreads(): Promise<void> {
  const threads = [...idle.splice(0), ...running.keys()];
  await Promise.all(threads.map((thread) => thread.terminate()));
}

function pump(): void {
  for (let next = 0; next < waiting.length;) {
    const task = waiting[next]!;
    const thread = idle.pop() ?? (running.size < most || task.hooks.urgent ? start() : undefined);
    if (!thread) {
      next++; // an urgent one may stand further behind
      continue;
    }
    waiting.splice(next, 1);
    running.set(thread, task);
    thread.ref();
    thread.postMessage(task.order);
  }
}

function start(): Worker {
  const thread = startThread('task-thread');
  thread.on('message', (answer: TaskAnswer) => take(thread, answer));
  const lost = (error: Error): void => {
    const index = idle.indexOf(thread);
    if (index >= 0) idle.splice(index, 1);
    const task = running.get(thread);
    running.delete(thread);
    task?.reject(error);
    if (task) pump();
  };
  thread.on('error', (error: Error) => lost(error));
  thread.on('exit', () => lost(new Error('a task thread ended')));
  return thread;
}

function take(thread: Worker, answer: TaskAnswer): void {
  const task = running.get(thread);
  if (!task || task.order.id !== answer.id) return;
  if (answer.type === 'groups') {
    task.hooks.onGroups?.(answer.groups);
    return;
  }
  running.delete(thread);
  thread.unref();
  if (idle.length < most) idle.push(thread);
  else void thread.terminate();
  if (answer.type === 'result') task.resolve(answer.result);
  else task.reject(decodeError(answer.error));
  pump();
}
