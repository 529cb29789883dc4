/** Starts the real program on a folder of its own and tells where it is; knows nothing of its insides. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export const program = join(import.meta.dirname, '../packages/cli/bin/imageyard.js');

/** What the ready file says. */
export interface Ready {
  readonly api: string;
  readonly bucket: string;
  readonly identity: string;
  readonly region: string;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  readonly project: { readonly id: string; readonly name: string };
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Running {
  readonly ready: Ready;
  readonly process: ChildProcess;
  readonly folder: string;
  readonly data: string;
  readonly readyFile: string;
  /** Everything the program has printed so far. */
  log(): string;
  /** SIGTERM, and wait. @returns the exit code */
  stop(): Promise<number | null>;
  /** SIGKILL, and wait. */
  kill(): Promise<void>;
  /** Stop and remove the folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StartOptions {
  /** An earlier run's folder, to start again on its data. */
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** Start `imageyard serve` on free ports and wait until its ready file is there. */
export async function startServer(options: StartOptions = {}): Promise<Running> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'imageyard-test-'));
  const data = join(folder, 'data');
  const readyFile = join(folder, 'ready.json');
  const logFile = join(folder, 'serve.log');
  rmSync(readyFile, { force: true });
  const log = openSync(logFile, 'a');
  const args = [
    'serve',
    '--data',
    data,
    '--listen',
    '127.0.0.1:0',
    '--bucket-listen',
    '127.0.0.1:0',
    '--ready-file',
    readyFile,
  ];
  const child = spawn(process.execPath, [program, ...args, ...(options.args ?? [])], {
    stdio: ['ignore', log, log],
    env: { ...process.env, IMAGEYARD_LOG_LEVEL: 'warn', ...options.env },
  });
  closeSync(log);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  };
  const ready = await waitForReady(child, readyFile, logFile);
  return {
    ready,
    process: child,
    folder,
    data,
    readyFile,
    log: () => readFileSync(logFile, 'utf8'),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitForReady(child: ChildProcess, readyFile: string, logFile: string): Promise<Ready> {
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    try {
      return JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
    } catch {
      await pause(20);
    }
  }
  child.kill('SIGKILL');
  throw new Error(`imageyard did not start:\n${readFileSync(logFile, 'utf8').slice(-4000)}`);
}

/** The variables that OpenStack's and Amazon's clients read. */
export function clientEnv(ready: Ready): Record<string, string> {
  return {
    OS_AUTH_URL: ready.identity,
    OS_USERNAME: ready.user,
    OS_PASSWORD: ready.password,
    OS_PROJECT_NAME: ready.project.name,
    OS_USER_DOMAIN_NAME: ready.domain,
    OS_PROJECT_DOMAIN_NAME: ready.domain,
    OS_REGION_NAME: ready.region,
    OS_IDENTITY_API_VERSION: '3',
    AWS_ACCESS_KEY_ID: ready.accessKey,
    AWS_SECRET_ACCESS_KEY: ready.secretKey,
    AWS_DEFAULT_REGION: ready.region,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    env?: Readonly<Record<string, string | undefined>>;
    cwd?: string;
    input?: string | Buffer;
    timeoutMs?: number;
  } = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    ...(options.cwd ? { cwd: options.cwd } : {}),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
  });
  const read = async (stream: NodeJS.ReadableStream): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  child.stdin.on('error', () => {}).end(options.input);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), closed]);
  return { code, stdout, stderr };
}

/** Run a program that must succeed. @returns its standard output */
export async function runOk(...args: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  if (code !== 0)
    throw new Error(`${args[0]} ${args[1].join(' ')} exited with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
