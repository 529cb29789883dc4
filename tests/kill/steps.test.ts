import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeDisk } from './disk.ts';
import { assertIntegrity } from './integrity.ts';

/** Steps to die at for each format; the long run (`IMAGEYARD_KILLS=50`) tries nearly every one. */
const kills = Number(process.env['IMAGEYARD_KILLS'] ?? 2);
/** More than one mark of 64 MiB. */
const diskMiB = 80;

const root = mkdtempSync(join(tmpdir(), 'imageyard-kill-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Outcome {
  readonly status: string;
  readonly hash: string;
  readonly steps: number;
  /** Bytes that the last attempt found written. */
  readonly resumedAt: number;
  readonly job: { readonly state: string; readonly fence: number; readonly error_message: string | null };
}

async function script(name: string, ...args: string[]): Promise<{ signal: string | null; output: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, name), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { signal, output };
}

/** A copy whose blobs are the same files: nobody writes to a published one. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (statSync(source).isDirectory()) copyFolder(source, target);
    else if (/^[0-9a-f]{32}$/.test(name)) linkSync(source, target);
    else copyFileSync(source, target);
  }
}

async function seeded(): Promise<string> {
  const disk = join(root, 'disk.raw');
  await writeDisk(disk, diskMiB, 'steps');
  const data = join(root, 'seed');
  mkdirSync(data);
  const { output, signal } = await script('seed.ts', data, disk);
  assert.equal(signal, null, output);
  rmSync(disk);
  return data;
}

/** Which of `count` steps to die at: all of them, or some spread over the whole way. */
function chosenSteps(count: number): number[] {
  if (kills >= count) return Array.from({ length: count }, (_, index) => index + 1);
  const width = count / kills;
  return Array.from(
    { length: kills },
    (_, index) => 1 + Math.floor(index * width + (randomInt(1000) / 1000) * width),
  );
}

for (const format of ['zvhd2', 'qcow2']) {
  test(`killed at durable steps of a registration to ${format}, the image becomes active with the same bytes`, async (t) => {
    const seed = join(root, 'seed');
    const source = readdirSync(root).includes('seed') ? seed : await seeded();
    const attempt = async (
      data: string,
      image: string,
      step: number | 'mark',
    ): Promise<Outcome | undefined> => {
      const { output, signal } = await script('attempt-process.ts', data, image, format, String(step));
      if (signal === 'SIGKILL') return undefined;
      assert.notEqual(output, '', `died by ${signal} at step ${step}`);
      return JSON.parse(output) as Outcome;
    };
    const reference = join(root, `${format}-reference`);
    copyFolder(source, reference);
    const undisturbed = await attempt(reference, randomUUID(), 0);
    assert.equal(undisturbed?.status, 'active', undisturbed?.job.error_message ?? '');
    assertIntegrity(reference);
    rmSync(reference, { recursive: true });
    for (const step of ['mark' as const, ...chosenSteps(undisturbed.steps)]) {
      const data = join(root, `${format}-${step}`);
      copyFolder(source, data);
      const image = randomUUID();
      // Progress is written by time: a faster run than the undisturbed one may have fewer steps.
      let last = await attempt(data, image, step);
      if (step === 'mark') assert.equal(last, undefined, 'no mark was kept');
      // Killed once more on the way back, sometimes.
      else if (step % 2 === 0) last ??= await attempt(data, image, 1 + randomInt(undisturbed.steps));
      last ??= await attempt(data, image, 0);
      t.diagnostic(`step ${step} of ${undisturbed.steps}: ${last?.status} after ${last?.job.fence} attempts`);
      assert.equal(last?.status, 'active', `step ${step}: ${last?.job.error_message}`);
      if (step === 'mark') assert.ok(last.resumedAt >= 64 * 1024 * 1024, `went on at ${last.resumedAt}`);
      assert.equal(last.hash, undisturbed.hash, `step ${step}: other bytes`);
      assertIntegrity(data);
      rmSync(data, { recursive: true });
    }
  });
}
