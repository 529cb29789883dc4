import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);

/** Oldest release that the catalogue supports. */
const oldestVersion = 15;
/** `nobody` on Linux; PostgreSQL refuses to run as root. */
const nobody = 65_534;

/** A PostgreSQL cluster of one's own: in a temporary folder, on a Unix socket, without authentication. */
export interface Cluster {
  /** URL of the database `name` in this cluster. */
  url(name: string): string;
  /** Process id of the server, for tests that kill it. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Flush to disk as in production; only tests that kill the server need it. Default false. */
  readonly fsync?: boolean;
  /** More settings of the server, each `name=value`. */
  readonly settings?: readonly string[];
}

/** Where PostgreSQL's programs are, or why they can't be used. */
export function findPostgres(): { bin: string } | { missing: string } {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const folders = versions
    .filter((version) => Number(version) >= oldestVersion)
    .sort((a, b) => Number(a) - Number(b))
    .map((version) => join(debian, version, 'bin'));
  folders.push(...(process.env['PATH'] ?? '').split(':').filter(Boolean));
  const bin = folders.find((folder) => ['initdb', 'postgres'].every((name) => isProgram(join(folder, name))));
  return bin ? { bin } : { missing: `needs PostgreSQL ${oldestVersion} (Debian package postgresql)` };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Start a cluster; about a second. It ends with `stop`, or by itself as soon as this process does,
 * however that happens: a shell holds the other end of a pipe and stops the server when it closes.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const found = findPostgres();
  if ('missing' in found) throw new Error(found.missing);
  const folder = await mkdtemp('/tmp/imageyard-pg-'); // short: a socket's path has at most 107 bytes
  const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'db');
  const encoding = ['--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C', '-U', 'imageyard'];
  await run(join(found.bin, 'initdb'), ['-D', data, ...encoding], { cwd: folder, ...user });

  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'max_connections=200'];
  if (!options.fsync) settings.push('fsync=off', 'full_page_writes=off', 'synchronous_commit=off');
  settings.push(...(options.settings ?? []));
  const server = [join(found.bin, 'postgres'), '-D', data, ...settings.flatMap((text) => ['-c', text])];
  const script = '"$@" >"$0/log" 2>&1 & p=$!; echo $p; cat >/dev/null; kill -QUIT $p; wait $p; rm -rf "$0"';
  const shell = spawn('/bin/sh', ['-c', script, folder, ...server], {
    cwd: folder,
    detached: true, // Ctrl-C in the terminal goes to the tests, not to their database
    stdio: ['pipe', 'pipe', 'ignore'],
    ...user,
  });
  const pid = await new Promise<number>((resolve, reject) => {
    shell.once('error', reject);
    shell.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())));
  });
  shell.stdout.destroy();
  shell.unref();
  (shell.stdin as unknown as { unref?(): void }).unref?.();

  const url = (name: string): string => `postgresql://imageyard@localhost/${name}?host=${folder}`;
  await untilAnswers(url('postgres'));
  const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
  return {
    url,
    pid,
    async stop() {
      shell.ref();
      shell.stdin.end();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      if (attempt === 200) throw new Error('PostgreSQL did not answer within 10 s', { cause: error });
      await sleep(50);
    }
  }
}

/** `IMAGEYARD_TEST_POSTGRES` names a server that is already there; otherwise one cluster per process. */
let shared: Promise<Pick<Cluster, 'url'>> | undefined;

function sharedCluster(): Promise<Pick<Cluster, 'url'>> {
  const given = process.env['IMAGEYARD_TEST_POSTGRES'];
  shared ??= given
    ? Promise.resolve({ url: (name) => Object.assign(new URL(given), { pathname: `/${name}` }).href })
    : startCluster();
  return shared;
}

let databases = 0;

/**
 * A new database, empty or a copy of `template`.
 * @returns its URL and name; it goes with the cluster
 */
export async function freshDatabase(template?: string): Promise<{ url: string; name: string }> {
  const cluster = await sharedCluster();
  const name = `test_${process.pid}_${++databases}`;
  const client = new Client({ connectionString: cluster.url('postgres') });
  await client.connect();
  try {
    await client.query(`create database ${name}${template ? ` template ${template}` : ''}`);
  } finally {
    await client.end();
  }
  return { url: cluster.url(name), name };
}
