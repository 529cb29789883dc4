import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { execute } from './execute.ts';
import { fuzz } from './fuzz.ts';
import { readSeeds } from './seeds.ts';

const corpus = join(import.meta.dirname, 'corpus');

for (const { name, bytes } of readSeeds())
  test(`the unchanged seed ${name} is accepted`, async () => assert.equal(await execute(bytes), 'accepted'));

for (const name of readdirSync(corpus).filter((file) => file.endsWith('.gz')))
  test(`the kept input ${name} is accepted or refused in time`, async () => {
    await execute(gunzipSync(readFileSync(join(corpus, name))));
  });

test('changed images are accepted or refused, never anything else', async () => {
  const perSeed = Number(process.env['IMAGEYARD_FUZZ'] ?? 400);
  const result = await fuzz(perSeed, 1);
  assert.deepEqual(
    result.faults.map(({ seed, number, message }) => `${seed} ${number}: ${message}`),
    [],
  );
  assert.ok(result.refused > 0 && result.accepted > 0, 'the mutator must reach both outcomes');
});
