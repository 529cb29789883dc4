import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { readSeeds } from './seeds.ts';
import type { Batch, BatchResult } from './worker.ts';

/** An input that did what no input may do; `mutate(seed, number)` makes it again. */
export interface Fault {
  readonly seed: string;
  readonly number: number;
  readonly message: string;
}

export interface FuzzResult {
  accepted: number;
  refused: number;
  readonly faults: Fault[];
}

/** Longer than this without an answer is an endless loop: the thread is ended and the input named. */
const hangMs = 15_000;
const batchSize = 200;

/**
 * Run `executions` inputs for each seed on all cores.
 * @param first number of the first input: other numbers are other inputs
 */
export async function fuzz(executions: number, first: number, only?: string): Promise<FuzzResult> {
  const batches: Batch[] = [];
  for (const { name } of readSeeds()) {
    if (only !== undefined && !name.startsWith(only)) continue;
    for (let done = 0; done < executions; done += batchSize)
      batches.push({ seed: name, from: first + done, count: Math.min(batchSize, executions - done) });
  }
  const result: FuzzResult = { accepted: 0, refused: 0, faults: [] };
  const lanes = Math.max(1, Math.min(availableParallelism(), batches.length));
  await Promise.all(Array.from({ length: lanes }, () => lane(batches, result)));
  return result;
}

async function lane(batches: Batch[], result: FuzzResult): Promise<void> {
  let worker = start();
  for (let batch = batches.pop(); batch; batch = batches.pop()) {
    const answer = await runBatch(worker, batch);
    if ('hung' in answer) {
      result.faults.push({ seed: batch.seed, number: answer.hung, message: `no answer within ${hangMs} ms` });
      await worker.terminate();
      worker = start();
      const rest = batch.from + batch.count - answer.hung - 1;
      if (rest > 0) batches.push({ seed: batch.seed, from: answer.hung + 1, count: rest });
      continue;
    }
    result.accepted += answer.accepted;
    result.refused += answer.refused;
    for (const fault of answer.faults) result.faults.push({ seed: batch.seed, ...fault });
  }
  await worker.terminate();
}

const start = (): Worker =>
  new Worker(join(import.meta.dirname, 'worker.ts'), { resourceLimits: { maxOldGenerationSizeMb: 512 } });

function runBatch(worker: Worker, batch: Batch): Promise<BatchResult | { hung: number }> {
  return new Promise((settle, failed) => {
    let at = batch.from;
    const hung = (): void => finish({ hung: at });
    let timer = setTimeout(hung, hangMs);
    const onMessage = (message: { at?: number; done?: BatchResult }): void => {
      clearTimeout(timer);
      if (message.done) return finish(message.done);
      at = message.at!;
      timer = setTimeout(hung, hangMs);
    };
    const onError = (error: Error): void =>
      failed(new Error(`${batch.seed}, number ${at}: ${error.message}`, { cause: error }));
    const finish = (answer: BatchResult | { hung: number }): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError);
      settle(answer);
    };
    worker.on('message', onMessage).on('error', onError);
    worker.postMessage(batch);
  });
}
