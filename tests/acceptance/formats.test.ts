/**
 * The mission, by unchanged clients: a disk file of each format, uploaded with s3cmd and aws, registered
 * over HTTP to each format that is written; the guest's bytes stay, and qemu-img finds nothing to complain of.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { makeCorpus } from '../corpus.ts';
import { clientEnv, program, run, runOk, startServer } from '../harness.ts';
import type { Running } from '../harness.ts';

const fixtures = join(import.meta.dirname, '../fixtures/zvhd');
const targets = ['raw', 'qcow2', 'vhd', 'zvhd2'] as const;
const qemuNames: Record<string, string> = { vhd: 'vpc' };

/** Format of the source, and how qemu-img makes it; `vpc` needs `force_size` or it grows the disk. */
const sources: readonly (readonly [string, string, readonly string[]])[] = [
  ['raw', 'raw', []],
  ['qcow2', 'qcow2', ['-c', '-o', 'compression_type=zstd']],
  ['vhd', 'vpc', ['-o', 'force_size=on']],
  ['vhdx', 'vhdx', []],
  ['qed', 'qed', []],
  ['vdi', 'vdi', []],
  ['qcow', 'qcow', []],
  ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
];

let server: Running;
let folder: string;
let token: string;
let disk: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imageyard-formats-'));
  disk = makeCorpus(240).raw;
  server = await startServer();
  token = (await runOk(process.execPath, [program, 'token', '--ready-file', server.readyFile])).trim();
  await runOk('aws', ['--endpoint-url', server.ready.bucket, 's3', 'mb', 's3://formats'], {
    env: clientEnv(server.ready),
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function api(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${server.ready.api}${path}`, {
    method,
    headers: { 'x-auth-token': token, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function upload(file: string, key: string, client: 'aws' | 's3cmd'): Promise<void> {
  const { ready } = server;
  if (client === 'aws') {
    const args = ['--endpoint-url', ready.bucket, 's3', 'cp', '--no-progress', file, `s3://formats/${key}`];
    await runOk('aws', args, { env: clientEnv(ready) });
    return;
  }
  const host = new URL(ready.bucket).host;
  const keys = [
    `--access_key=${ready.accessKey}`,
    `--secret_key=${ready.secretKey}`,
    `--region=${ready.region}`,
  ];
  const where = ['--no-ssl', `--host=${host}`, `--host-bucket=${host}`, '--config=/dev/null'];
  await runOk('s3cmd', [...where, ...keys, 'put', file, `s3://formats/${key}`]);
}

interface Image {
  readonly id: string;
  readonly status: string;
  readonly disk_format: string;
  readonly checksum: string;
  readonly size: number;
  readonly virtual_size: number;
}

async function register(key: string, format: string): Promise<Image> {
  const made = (await (await api('POST', '/v2/images', { name: key, disk_format: format })).json()) as Image;
  const accepted = await api('PUT', `/v1/cloudimages/${made.id}/upload`, { image_url: `formats:${key}` });
  const answer = (await accepted.json()) as { job_id: string };
  assert.equal(accepted.status, 200, JSON.stringify(answer));
  for (;;) {
    const shown = await api('GET', `/v1/${server.ready.project.id}/jobs/${answer.job_id}`);
    const job = (await shown.json()) as { status: string; fail_reason: string };
    assert.notEqual(job.status, 'FAIL', job.fail_reason);
    if (job.status === 'SUCCESS') break;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return (await (await api('GET', `/v2/images/${made.id}`)).json()) as Image;
}

async function download(image: Image): Promise<string> {
  const file = join(folder, `${image.id}.${image.disk_format}`);
  const response = await api('GET', `/v2/images/${image.id}/file`);
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file));
  assert.equal(statSync(file).size, image.size);
  return file;
}

async function digest(algorithm: string, file: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The result shows the same disk as `raw`; longer only by zeros (ZVHD2 is whole GiB). */
async function sameDisk(file: string, format: string, raw: string): Promise<void> {
  let shown = [file, qemuNames[format] ?? format];
  if (format === 'zvhd2') {
    shown = [`${file}.raw`, 'raw'];
    await runOk(process.execPath, [program, 'convert', file, shown[0]!, '--to', 'raw']);
  }
  await runOk('qemu-img', ['compare', '-f', shown[1]!, '-F', 'raw', shown[0]!, raw]);
  rmSync(`${file}.raw`, { force: true });
}

async function registersToEach(key: string, raw: string, guestBytes: number): Promise<void> {
  for (const format of targets) {
    const image = await register(key, format);
    assert.equal(image.status, 'active');
    assert.equal(image.disk_format, format);
    if (format !== 'zvhd2') assert.equal(image.virtual_size, guestBytes);
    const file = await download(image);
    assert.equal(await digest('md5', file), image.checksum);
    await sameDisk(file, format, raw);
    if (format === 'qcow2') await runOk('qemu-img', ['check', '-q', '-f', 'qcow2', file]);
    rmSync(file);
    assert.equal((await api('DELETE', `/v2/images/${image.id}`)).status, 204);
  }
}

sources.forEach(([format, qemuFormat, options], index) => {
  const title = `a ${format} file becomes ${targets.join(', ')} with the same guest bytes`;
  test(title, { timeout: 300_000 }, async () => {
    const file = join(folder, `source.${format}`);
    await runOk('qemu-img', ['convert', '-q', '-f', 'raw', '-O', qemuFormat, ...options, disk, file]);
    await upload(file, `source-${format}`, index % 2 === 0 ? 'aws' : 's3cmd');
    rmSync(file);
    await registersToEach(`source-${format}`, disk, statSync(disk).size);
  });
});

for (const name of ['small.zvhd', 'small.zvhd2']) {
  test(`${name}, by the platform's own tool, becomes ${targets.join(', ')} with the same guest bytes`, async () => {
    const raw = join(folder, `${name}.raw`);
    await runOk(process.execPath, [program, 'convert', join(fixtures, name), raw, '--to', 'raw']);
    const manifest = readFileSync(join(fixtures, 'manifest.json'), 'utf8');
    assert.ok(manifest.includes(await digest('sha256', raw)), 'our reader agrees with the manifest');
    await upload(join(fixtures, name), name, 'aws');
    await registersToEach(name, raw, statSync(raw).size);
    rmSync(raw);
  });
}

test('deleting the object afterwards leaves the image, and deleting the image leaves the object', async () => {
  const env = clientEnv(server.ready);
  const s3 = (...args: string[]): ReturnType<typeof run> =>
    run('aws', ['--endpoint-url', server.ready.bucket, 's3', ...args], { env });
  const file = join(import.meta.dirname, '../fixtures/sample/sample.qcow2');
  const md5 = await digest('md5', file);
  await upload(file, 'kept', 'aws');
  const first = await register('kept', 'qcow2');
  assert.equal(first.checksum, md5, 'kept byte for byte');
  const second = await register('kept', 'qcow2');
  assert.equal((await api('DELETE', `/v2/images/${first.id}`)).status, 204);
  assert.equal((await s3('cp', 's3://formats/kept', join(folder, 'again'))).code, 0);
  assert.equal(await digest('md5', join(folder, 'again')), md5);
  assert.equal((await s3('rm', 's3://formats/kept')).code, 0);
  assert.equal(await digest('md5', await download(second)), md5);
});
