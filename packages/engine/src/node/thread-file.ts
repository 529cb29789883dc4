import module from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Plain JavaScript that is run first in a thread: the program's compile cache, then the thread's file. */
const bootstrap = `
  const { workerData } = require('node:worker_threads');
  if (workerData.cache) require('node:module').enableCompileCache(workerData.cache);
  import(workerData.file);
`;

/**
 * Start one of this folder's thread files: `.ts` in a checkout, `.js` once compiled. It does not
 * keep the process alive; who gives it work calls `ref`. Where the program has a compile cache the
 * thread shares it: without it each thread loads Node's TypeScript stripper, 10 MB and 0.1 s.
 */
export function startThread(name: 'hash-thread' | 'task-thread'): Worker {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const cacheOfThisVersion = module.getCompileCacheDir();
  const thread = new Worker(bootstrap, {
    name,
    eval: true,
    execArgv: [], // options such as --input-type are about the program's own entry
    workerData: {
      file: new URL(`./${name}${extension}`, import.meta.url).href,
      cache: cacheOfThisVersion && dirname(cacheOfThisVersion),
    },
  });
  thread.unref();
  return thread;
}
