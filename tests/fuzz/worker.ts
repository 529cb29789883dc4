import { parentPort } from 'node:worker_threads';
import { execute } from './execute.ts';
import { mutate } from './mutate.ts';
import { readSeeds } from './seeds.ts';

/** A batch of inputs made from one seed: numbers `from` … `from + count`. */
export interface Batch {
  readonly seed: string;
  readonly from: number;
  readonly count: number;
}
export interface BatchResult {
  readonly accepted: number;
  readonly refused: number;
  readonly faults: readonly { readonly number: number; readonly message: string }[];
}

const seeds = new Map(readSeeds().map((seed) => [seed.name, seed.bytes]));
let chain = Promise.resolve();
parentPort!.on('message', (batch: Batch) => {
  chain = chain.then(() => runBatch(batch));
});

async function runBatch({ seed, from, count }: Batch): Promise<void> {
  const tally = { accepted: 0, refused: 0, faults: [] as { number: number; message: string }[] };
  for (let number = from; number < from + count; number++) {
    parentPort!.postMessage({ at: number });
    try {
      tally[await execute(mutate(seeds.get(seed)!, number))]++;
    } catch (error) {
      tally.faults.push({ number, message: (error as Error).stack ?? String(error) });
    }
  }
  parentPort!.postMessage({ done: tally satisfies BatchResult });
}
