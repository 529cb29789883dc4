import { Worker } from 'node:worker_threads';

/**
 * Start one of this folder's thread files: `.ts` in a checkout, `.js` once compiled. It does not
 * keep the process alive; who gives it work calls `ref`.
 */
export function startThread(name: 'hash-thread' | 'task-thread'): Worker {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const thread = new Worker(new URL(`./${name}${extension}`, import.meta.url), {
    name,
    execArgv: [], // options such as --input-type are about the program's own entry
  });
  thread.unref();
  return thread;
}
