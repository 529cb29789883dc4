/**
 * `node bench/memory.ts [GiB OF DATA]`: memory of all processes of the service, and the p99 of
 * `GET /v2/images`, while a 20 GiB image with 4 GiB of data is registered (qcow2 → zvhd2 and → raw) and
 * while 5 GiB are uploaded. Targets: below 350 MB, p99 within 50 ms.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { BucketClient, createImage, registerImage, Session, showJob } from '@imageyard/wire/client';
import { startServer } from '../tests/harness.ts';
import { corpusFolder, makeCorpus } from '../tests/corpus.ts';
import { load } from './load.ts';

const dataGiB = Number(process.argv[2] ?? 4);
const MB = 1e6;

/** Proportional share of memory of a process and its children, bytes. */
function memoryOf(root: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(
        Number(name),
        Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]),
      );
    } catch {
      // it ended meanwhile
    }
  }
  const family = [root];
  for (const pid of family) for (const [child, parent] of parents) if (parent === pid) family.push(child);
  let sum = 0;
  for (const pid of family) {
    try {
      sum +=
        1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // likewise
    }
  }
  return sum;
}

const folder = mkdtempSync(join(corpusFolder, 'memory-'));
try {
  const corpus = makeCorpus();
  const raw = join(folder, 'disk.raw');
  const source = join(folder, 'disk.qcow2');
  // A 20 GiB disk that holds the corpus `dataGiB` times.
  execFileSync('truncate', ['-s', '20G', raw]);
  for (let copy = 0; copy < dataGiB; copy++)
    execFileSync('dd', [
      `if=${corpus.raw}`,
      `of=${raw}`,
      'bs=1M',
      `seek=${copy * 4096}`,
      'conv=notrunc,sparse',
      'status=none',
    ]);
  execFileSync('qemu-img', ['convert', '-q', '-W', '-m', '4', '-f', 'raw', '-O', 'qcow2', raw, source]);
  rmSync(raw);

  await using server = await startServer({ folder });
  const session = await Session.open(server.ready);
  const { bucket: url, region, accessKey, secretKey } = server.ready;
  const bucket = new BucketClient({ url, region, accessKey, secretKey });
  await bucket.ensureBucket('bench');

  const watch = async (title: string, work: () => Promise<unknown>): Promise<void> => {
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, memoryOf(server.process.pid!))), 200);
    const started = performance.now();
    const running = work();
    const lists = await load(`${server.ready.api}/v2/images`, {
      connections: 2,
      headers: { 'x-auth-token': session.token },
      until: running,
      pauseMs: 20,
    });
    await running.finally(() => clearInterval(timer));
    const took = ((performance.now() - started) / 1000).toFixed(0);
    console.log(
      `${title.padEnd(34)} ${took.padStart(4)} s, at most ${(most / MB).toFixed(0)} MB (target < 350), lists p99 ${lists.p99Ms.toFixed(1)} ms (target ≤ 50), ${lists.errors} errors`,
    );
  };
  const register = async (format: string): Promise<void> => {
    const image = await createImage(session, { name: format, disk_format: format, container_format: 'bare' });
    const job = await registerImage(session, image.id, 'bench:disk');
    for (;;) {
      const { status, fail_reason } = await showJob(session, job);
      if (status === 'SUCCESS') return;
      if (status === 'FAIL') throw new Error(String(fail_reason));
      await new Promise((wake) => setTimeout(wake, 100));
    }
  };
  await watch(`upload ${dataGiB} GiB of data (multipart)`, () => bucket.upload(source, 'bench', 'disk'));
  await watch('register qcow2 → zvhd2', () => register('zvhd2'));
  await watch('register qcow2 → raw', () => register('raw'));
  await watch('upload 5 GiB to an image', async () => {
    const image = await createImage(session, {
      name: 'upload',
      disk_format: 'raw',
      container_format: 'bare',
    });
    const curl = spawn(
      'sh',
      [
        '-c',
        `head -c 5G /dev/urandom | curl -sf -T - -X PUT -H 'Content-Type: application/octet-stream' -H "X-Auth-Token: $TOKEN" '${server.ready.api}/v2/images/${image.id}/file'`,
      ],
      { env: { ...process.env, TOKEN: session.token } },
    );
    const code = await new Promise((done) => curl.on('exit', done));
    if (code !== 0) throw new Error(`curl exited with ${String(code)}`);
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
