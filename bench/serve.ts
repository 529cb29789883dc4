/**
 * `node bench/serve.ts [IMAGES]`: from start to the first answered request on an existing data folder, and
 * `GET /v2/images?limit=25` at 10,000 images (3 properties and a tag each) over 8 connections. Keystone 22
 * with Glance 25 reach 21 requests/s, p50 364 ms, p99 570 ms on such a machine.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createImage, Session } from '@imageyard/wire/client';
import { program, startServer } from '../tests/harness.ts';
import { median } from '../tests/corpus.ts';
import { load } from './load.ts';

const images = Number(process.argv[2] ?? 10_000);
const folder = mkdtempSync(join(tmpdir(), 'imageyard-serve-'));

async function fill(): Promise<void> {
  const server = await startServer({ folder });
  const session = await Session.open(server.ready);
  let made = 0;
  const lane = async (): Promise<void> => {
    while (made < images) {
      const n = made++;
      await createImage(session, {
        name: `image-${n}`,
        tags: [`tag-${n % 100}`],
        build: String(n),
        os_distro: `distro-${n % 7}`,
        purpose: `use-${n % 30}`,
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await server.stop();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((ready) => server.on('listening', ready));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Milliseconds from spawning the program to the first answer of its API. */
async function startUp(): Promise<number> {
  const [api, bucket] = [await freePort(), await freePort()];
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      program,
      'serve',
      '--data',
      join(folder, 'data'),
      '--listen',
      `127.0.0.1:${api}`,
      '--bucket-listen',
      `127.0.0.1:${bucket}`,
    ],
    { stdio: 'ignore', env: { ...process.env, IMAGEYARD_LOG_LEVEL: 'error' } },
  );
  while (!(await fetch(`http://127.0.0.1:${api}/v3`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error(`imageyard exited with ${child.exitCode}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
  const took = performance.now() - started;
  child.kill('SIGTERM');
  await new Promise((done) => child.on('exit', done));
  return took;
}

try {
  console.log(`creating ${images} images …`);
  await fill();
  const starts: number[] = [];
  for (let round = 0; round < 5; round++) starts.push(await startUp());
  console.log(
    `start → first answer: ${median(starts).toFixed(0)} ms (median of 5, most ${Math.max(...starts).toFixed(0)}; target < 1000)`,
  );
  const server = await startServer({ folder });
  const session = await Session.open(server.ready);
  const options = { connections: 8, headers: { 'x-auth-token': session.token } };
  const url = `${server.ready.api}/v2/images?limit=25`;
  await load(url, { ...options, requests: 500 });
  const { requestsPerSecond, p50Ms, p99Ms, errors } = await load(url, { ...options, requests: 5000 });
  console.log(
    `GET /v2/images?limit=25: ${requestsPerSecond.toFixed(0)} requests/s (target ≥ 400), p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (target < 50), ${errors} errors`,
  );
  await server.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
