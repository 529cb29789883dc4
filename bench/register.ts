/**
 * `node bench/register.ts [ROUNDS]`: bucket → active (converted, hashed, synced) against
 * `qemu-img convert -W -m 4`, `sync`, `sha512sum` and `md5sum` of its result, in turn, on one file system.
 * Prints the ratio of the medians; the guest bytes of both results are compared once.
 */
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  BucketClient,
  createImage,
  deleteImage,
  registerImage,
  Session,
  showJob,
} from '@imageyard/wire/client';
import { program, startServer } from '../tests/harness.ts';
import type { Ready } from '../tests/harness.ts';
import { corpusFolder, makeCorpus, median, seconds } from '../tests/corpus.ts';

const rounds = Number(process.argv[2] ?? 3);
const corpus = makeCorpus();
const cases = [
  {
    name: 'qcow2 (zlib) → raw',
    source: corpus.qcow2,
    from: 'qcow2',
    format: 'raw',
    peer: ['-O', 'raw'],
    target: 0.8,
  },
  {
    name: 'vmdk streamOptimized → qcow2',
    source: corpus.vmdk,
    from: 'vmdk',
    format: 'qcow2',
    peer: ['-O', 'qcow2'],
    target: 0.6,
  },
  {
    name: 'raw → qcow2',
    source: corpus.raw,
    from: 'raw',
    format: 'qcow2',
    peer: ['-O', 'qcow2'],
    target: 1.0,
  },
  {
    name: 'raw → zvhd2 (peer: qcow2 zstd)',
    source: corpus.raw,
    from: 'raw',
    format: 'zvhd2',
    peer: ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd'],
    target: 0.6,
  },
] as const;

async function register(session: Session, key: string, format: string): Promise<string> {
  const image = await createImage(session, { name: key, disk_format: format, container_format: 'bare' });
  const job = await registerImage(session, image.id, `bench:${key}`);
  for (;;) {
    const { status, fail_reason } = await showJob(session, job);
    if (status === 'SUCCESS') return image.id;
    if (status === 'FAIL') throw new Error(String(fail_reason));
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function peerRun(from: string, source: string, options: readonly string[], output: string): void {
  rmSync(output, { force: true });
  execFileSync('qemu-img', ['convert', '-W', '-m', '4', '-f', from, ...options, source, output]);
  execFileSync('sync', [output]);
  execFileSync('sha512sum', [output]);
  execFileSync('md5sum', [output]);
}

async function connect(ready: Ready): Promise<{ session: Session; bucket: BucketClient }> {
  const session = await Session.open(ready);
  const bucket = new BucketClient({
    url: ready.bucket,
    region: ready.region,
    accessKey: ready.accessKey,
    secretKey: ready.secretKey,
  });
  return { session, bucket };
}

/** Both results show the same disk: qemu-img compares; what it can't read we turn into raw first. */
async function compare(
  session: Session,
  id: string,
  format: string,
  raw: string,
  folder: string,
): Promise<void> {
  const file = join(folder, `result.${format}`);
  const response = await session.request('GET', `/v2/images/${id}/file`);
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file));
  let shown = [file, format];
  if (format === 'zvhd2') {
    shown = [join(folder, 'result.raw'), 'raw'];
    execFileSync(process.execPath, [program, 'convert', file, shown[0]!, '--to', 'raw', '--force']);
  }
  execFileSync('qemu-img', ['compare', '-f', shown[1]!, '-F', 'raw', shown[0]!, raw]);
}

const folder = mkdtempSync(join(corpusFolder, 'register-'));
await using server = await startServer({ folder });
const { session, bucket } = await connect(server.ready);
await bucket.ensureBucket('bench');
console.log(`${rounds} rounds, in turn; seconds are medians; ${folder}\n`);
console.log('conversion                          ours    peer   ratio  target');
let missed = 0;
for (const { name, source, from, format, peer, target } of cases) {
  const key = `source-${from}`;
  await bucket.upload(source, 'bench', key);
  const output = join(folder, 'peer.out');
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let id = '';
    ours.push(await seconds(async () => (id = await register(session, key, format))));
    theirs.push(await seconds(() => peerRun(from, source, peer, output)));
    if (round === 0) await compare(session, id, format, corpus.raw, folder);
    await deleteImage(session, id);
  }
  rmSync(output, { force: true });
  const ratio = median(ours) / median(theirs);
  if (ratio > target) missed++;
  const cells = [
    median(ours).toFixed(2),
    median(theirs).toFixed(2),
    ratio.toFixed(2),
    `≤ ${target}${ratio > target ? ' missed' : ''}`,
  ];
  console.log(
    `${name.padEnd(34)}${cells[0]!.padStart(6)}${cells[1]!.padStart(8)}${cells[2]!.padStart(8)}  ${cells[3]}`,
  );
}
if (process.argv.includes('--check') && missed > 0) process.exitCode = 1;
