/**
 * `npm run demo [-- FILE] [-- --keep]`: the main job on real input. Starts the service with its embedded
 * defaults, uploads a disk image to a bucket, registers it, shows progress and the active image. The
 * service stops again at the end, unless `--keep` leaves it running. One that already runs here is used.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const program = join(root, 'packages/cli/bin/imageyard.js');
const args = process.argv.slice(2);
const keep = args.includes('--keep');
const named = args.find((arg) => !arg.startsWith('--'));
const file =
  named === undefined
    ? join(root, 'tests/fixtures/sample/sample.qcow2')
    : resolve(process.env['INIT_CWD'] ?? '.', named);
const data = join(root, 'imageyard-data');
const readyFile = join(data, 'ready.json');
const logFile = join(data, 'serve.log');

interface Ready {
  readonly api: string;
  readonly bucket: string;
  readonly identity: string;
}

async function running(): Promise<Ready | undefined> {
  if (!existsSync(readyFile)) return undefined;
  const ready = JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
  const answer = await fetch(`${ready.identity}`).catch(() => undefined);
  return answer?.ok ? ready : undefined;
}

/** Start the service, detached so that it can outlive us; its log goes to a file in the data folder. */
async function start(): Promise<{ ready: Ready; server: ChildProcess }> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  rmSync(readyFile, { force: true });
  const log = openSync(logFile, 'a', 0o600);
  const server = spawn(process.execPath, [program, 'serve', '--data', data], {
    cwd: root,
    detached: true,
    stdio: ['ignore', log, log],
  });
  const started = performance.now();
  while (server.exitCode === null && performance.now() - started < 30_000) {
    const ready = await running();
    if (ready) {
      console.log(
        `started imageyard in ${((performance.now() - started) / 1000).toFixed(1)} s (process ${server.pid}, data in ${data})`,
      );
      return { ready, server };
    }
    await pause(50);
  }
  server.kill();
  console.error(readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n'));
  throw new Error(`imageyard did not start; its log is ${logFile}`);
}

const already = await running();
if (already) console.log(`using the imageyard that runs already at ${already.api}`);
const { ready, server } = already ? { ready: already, server: undefined } : await start();
console.log(
  `  API      ${ready.api}  (IMS, Glance v2, Keystone v3)\n  buckets  ${ready.bucket}  (S3, OBS)\n`,
);

const push = spawn(process.execPath, [program, 'push', file, '--ready-file', readyFile], {
  cwd: root,
  stdio: 'inherit',
});
process.on('SIGINT', () => {}); // push has the signal as well, and says what goes on
const code = await new Promise<number>((done) => push.on('exit', (exitCode) => done(exitCode ?? 1)));

if (!server) {
  process.exitCode = code;
} else if (keep) {
  console.log(`\nimageyard goes on running; stop it with: kill ${server.pid}`);
  server.unref();
  process.exit(code);
} else {
  const stopped = new Promise((done) => server.on('exit', done));
  server.kill('SIGTERM');
  await stopped;
  console.log(
    '\nstopped imageyard again; "npm run demo -- --keep" leaves it running, "npm start" starts it on the same data',
  );
  process.exitCode = code;
}
