/**
 * `npm run fuzz [-- EXECUTIONS [SEED]]`: a long run, EXECUTIONS for each seed (default 10,000), and
 * `--replay FILE`: one kept input. Faults are written to `tests/fuzz/corpus`, where they stay as tests.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { execute } from './execute.ts';
import { fuzz } from './fuzz.ts';
import { mutate } from './mutate.ts';
import { readSeeds } from './seeds.ts';

const args = process.argv.slice(2);
if (args[0] === '--replay') {
  const bytes = readFileSync(args[1] ?? '');
  console.log(await execute(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes));
} else {
  const executions = Number(args[0] ?? 10_000);
  const first = Math.floor(Math.random() * 2 ** 31);
  const started = performance.now();
  const result = await fuzz(executions, first, args[1]);
  const seconds = (performance.now() - started) / 1000;
  const total = result.accepted + result.refused + result.faults.length;
  console.log(
    `${total} inputs from number ${first} in ${seconds.toFixed(0)} s: ${result.accepted} accepted, ${result.refused} refused, ${result.faults.length} faults`,
  );
  const seeds = new Map(readSeeds().map((seed) => [seed.name, seed.bytes]));
  for (const { seed, number, message } of result.faults.slice(0, 20)) {
    const file = join(import.meta.dirname, 'corpus', `${seed}-${number}.gz`);
    writeFileSync(file, gzipSync(mutate(seeds.get(seed)!, number)));
    console.log(`\n${file}\n${message.split('\n').slice(0, 6).join('\n')}`);
  }
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
