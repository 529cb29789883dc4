/**
 * Disk files that try to harm: each is uploaded, registered and refused by its job with the documented
 * code and a sentence that says what and where; nothing of it stays in the store, and the server lives on.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startServer } from '../harness.ts';
import type { Running } from '../harness.ts';
import { caller, jobEnd, login } from './account.ts';
import type { Call, Job } from './account.ts';
import { s3Ok } from './bucket.ts';
import { makeBases } from './hostile/bases.ts';
import type { Bases, Recipe } from './hostile/bases.ts';
import { poke, sumVhd } from './hostile/bytes.ts';
import { foreignRecipes } from './hostile/foreign.ts';
import { qcowRecipes } from './hostile/qcow2.ts';
import { vhdRecipes } from './hostile/vhd.ts';
import { vmdkRecipes } from './hostile/vmdk.ts';

const documented: Readonly<Record<string, string>> = {
  'IMG.0057':
    'The image file is empty, not found, or in incorrect format, or you do not have enough permission to access the file.',
  'IMG.0111': 'The size of the system disk exceeds the maximum allowed.',
};
const bucket = 'hostile';
const noQemu = missingTool();

function missingTool(): string | false {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    if (process.env['CI']) throw new Error('qemu-img is not installed');
    return 'qemu-img is not installed';
  }
}

let server: Running;
let call: Call;
let bases: Bases;
let residentBefore: number;
const refusalMs: number[] = [];

before(async () => {
  if (noQemu) return;
  bases = makeBases();
  server = await startServer();
  call = caller(server.ready, await login(server.ready));
  await s3Ok(server.ready, { method: 'PUT', path: `/${bucket}` });
});
after(() => server?.[Symbol.asyncDispose]());

/** Memory of the server's processes that is really there. */
function residentMiB(): number {
  const parent = server.process.pid!;
  let kib = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (Number(pid) === parent || status.includes(`\nPPid:\t${parent}\n`))
        kib += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
    } catch {
      // it has ended meanwhile
    }
  }
  return kib / 1024;
}

/** Every file in the store, journals of unfinished ones too. */
function stored(): string[] {
  const root = join(server.data, 'store');
  const found: string[] = [];
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && entry.name !== 'store.json') found.push(entry.name);
  return found.sort();
}

async function put(file: Buffer, key: string): Promise<void> {
  await s3Ok(server.ready, { method: 'PUT', path: `/${bucket}/${key}`, body: file });
}

interface Outcome {
  readonly id: string;
  readonly job: Job;
  readonly acceptedToEndMs: number;
  readonly status: string;
  readonly storeGrew: readonly string[];
}

/** Upload, create the metadata, register, wait. */
async function registered(file: Buffer, key: string, image: Record<string, unknown> = {}): Promise<Outcome> {
  await put(file, key);
  const created = await call('POST', '/v2/images', { name: 'hostile', ...image });
  assert.equal(created.status, 201, created.text);
  const { id } = created.json<{ id: string }>();
  const earlier = stored();
  const accepted = await call('PUT', `/v1/cloudimages/${id}/upload`, { image_url: `${bucket}:${key}` });
  const started = performance.now();
  assert.equal(accepted.status, 200, accepted.text);
  const job = await jobEnd(call, server.ready.project.id, accepted.json<{ job_id: string }>().job_id);
  const acceptedToEndMs = performance.now() - started;
  const shown = await call('GET', `/v2/images/${id}`);
  let grew = stored().filter((name) => !earlier.includes(name));
  for (let waited = 0; job.status === 'FAIL' && grew.length > 0 && waited < 2000; waited += 50) {
    await pause(50); // bytes go right after the verdict
    grew = stored().filter((name) => !earlier.includes(name));
  }
  return { id, job, acceptedToEndMs, status: shown.json<{ status: string }>().status, storeGrew: grew };
}

let counter = 0;
async function refuses(recipe: Recipe): Promise<void> {
  const key = `disk-${++counter}`;
  const outcome = await registered(
    recipe.make(bases),
    key,
    // What is kept as it is is not unpacked; so let it be converted.
    recipe.inData ? { disk_format: 'raw' } : {},
  );
  const { job } = outcome;
  const code = recipe.code ?? 'IMG.0057';
  assert.equal(job.status, 'FAIL', `accepted: ${JSON.stringify(job)}`);
  assert.equal(job.error_code, code, job.fail_reason ?? '');
  const reason = job.fail_reason ?? '';
  const where = typeof recipe.where === 'string' ? `(${recipe.where})` : recipe.where;
  assert.ok(typeof where === 'string' ? reason.includes(where) : where.test(reason), `${where} ← ${reason}`);
  if (documented[code]) {
    assert.ok(reason.startsWith(`${documented[code]} `), reason);
    assert.ok(reason.slice(documented[code].length + 1).startsWith(recipe.format), reason);
    assert.match(reason, /; \S/, 'says what to do');
  }
  assert.doesNotMatch(reason, /\p{Cc}|[\u202A-\u202E\u2066-\u2069]/u, 'text of the file is escaped');
  assert.ok(!reason.includes(server.folder), 'no path of ours');
  assert.deepEqual(
    { image: job.entities.image_id, code: job.entities.error_code, error: job.entities.error },
    { image: outcome.id, code, error: reason },
  );
  assert.equal(outcome.status, 'killed');
  assert.deepEqual(outcome.storeGrew, [], 'nothing left in the store');
  if (!recipe.inData) {
    refusalMs.push(outcome.acceptedToEndMs);
    assert.ok(outcome.acceptedToEndMs < 5000, `${outcome.acceptedToEndMs} ms`);
  }
  await s3Ok(server.ready, { method: 'DELETE', path: `/${bucket}/${key}` });
  assert.equal((await call('DELETE', `/v2/images/${outcome.id}`)).status, 204);
}

describe('hostile content', { skip: noQemu }, () => {
  test(
    'the sound files that the hostile ones are made from become active',
    { timeout: 120_000 },
    async () => {
      for (const [name, file] of Object.entries(bases)) {
        const { job, status } = await registered(file, `sound-${name}`, { disk_format: 'raw' });
        assert.deepEqual([job.status, status], ['SUCCESS', 'active'], `${name}: ${job.fail_reason}`);
      }
      residentBefore = residentMiB(); // with threads started and heaps grown to what sound work needs
    },
  );

  for (const recipe of [...qcowRecipes, ...vhdRecipes, ...vmdkRecipes, ...foreignRecipes])
    test(`refused: ${recipe.format} ${recipe.title}`, { timeout: 60_000 }, () => refuses(recipe));

  test('H31 an empty object is refused at once and the image stays queued', async () => {
    await put(Buffer.alloc(0), 'empty');
    const { id } = (await call('POST', '/v2/images', {})).json<{ id: string }>();
    const answer = await call('PUT', `/v1/cloudimages/${id}/upload`, { image_url: `${bucket}:empty` });
    assert.equal(answer.status, 400);
    assert.equal(answer.json<{ error: { code: string } }>().error.code, 'IMG.0057');
    assert.equal((await call('GET', `/v2/images/${id}`)).json<{ status: string }>().status, 'queued');
  });

  test('H5 a disk larger than min_disk is refused with IMG.0055', async () => {
    const file = poke(bases.qcow2, [24, [0, 0, 0, 0, 0x40, 0, 2, 0]]); // 1 GiB and a sector
    const roomy = poke(file, [36, [0, 0, 0, 3]]);
    const { job, status } = await registered(roomy, 'min-disk', { min_disk: 1 });
    assert.deepEqual(
      [job.status, job.error_code, status],
      ['FAIL', 'IMG.0055', 'killed'],
      job.fail_reason ?? '',
    );
  });

  const accepted: readonly (readonly [string, (b: Bases) => Buffer])[] = [
    ['H24 QCOW2 that was not closed', (b) => poke(b.qcow2, [79, [1]])],
    ['H24 QED to be checked, and the check is clean', (b) => poke(b.qed, [16, [2]])],
    ['H24 VMDK that was not closed', (b) => poke(b.vmdk, [72, [1]])],
    ['H24 VHD that was suspended', (b) => suspended(b.vhd)],
    ['H29 VHD whose last footer is bad', (b) => poke(b.vhd, [b.vhd.length - 400, [1]])],
    ['H15 noise behind a QCOW2', (b) => Buffer.concat([b.qcow2, Buffer.alloc(4096, 7)])],
    ['H16 QCOW2 that ends within its last cluster', (b) => b.qcow2.subarray(0, b.qcow2.length - 60_000)],
    ['H31 a raw disk of zeros', () => Buffer.alloc(1024 * 1024)],
    ['a raw disk of one sector', () => Buffer.alloc(512, 7)],
  ];
  for (const [title, make] of accepted)
    test(`accepted with a note: ${title}`, async () => {
      const { job, status } = await registered(make(bases), `fine-${++counter}`, { disk_format: 'raw' });
      assert.deepEqual([job.status, status], ['SUCCESS', 'active'], job.fail_reason ?? '');
    });

  test('the server has lived through all of it, in the same process and memory', async (t) => {
    assert.equal(server.process.exitCode, null);
    assert.equal((await call('GET', '/v2/images?limit=1')).status, 200);
    const { job } = await registered(bases.vhdx, 'still-fine', { disk_format: 'qcow2' });
    assert.equal(job.status, 'SUCCESS', job.fail_reason ?? '');
    if (existsSync('/proc')) {
      const grown = residentMiB() - residentBefore;
      t.diagnostic(`memory grew by ${grown.toFixed(0)} MiB`);
      assert.ok(grown < 150, `${grown} MiB`);
    }
    const sorted = refusalMs.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)]!;
    t.diagnostic(
      `${sorted.length} refusals, median ${median.toFixed(0)} ms from acceptance, longest ${sorted.at(-1)!.toFixed(0)} ms`,
    );
    assert.doesNotMatch(server.log(), /"level":(50|60)/, 'no refusal is a failure of ours');
  });
});

function suspended(vhd: Buffer): Buffer {
  const end = vhd.length - 512;
  return sumVhd(sumVhd(poke(vhd, [84, [1]], [end + 84, [1]]), 0, 512), end, 512);
}
