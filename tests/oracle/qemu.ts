import { execFile, execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What qemu calls our formats. */
const qemuNames: Record<string, string> = { vhd: 'vpc' };
export const qemuName = (format: string): string => qemuNames[format] ?? format;

/**
 * Why oracle tests of these programs can't run here, as the `skip` option of `test`.
 * @throws in CI, where a missing tool is a failure
 */
export function missingTool(...programs: string[]): string | false {
  for (const program of programs) {
    try {
      execFileSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' });
    } catch {
      if (process.env['CI']) throw new Error(`${program} is missing (apt-get install qemu-utils)`);
      return `${program} is not installed`;
    }
  }
  return false;
}

/** A temporary folder that goes away with its scope: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<
  AsyncDisposable & { readonly path: string; file(name: string): string }
> {
  const path = await mkdtemp(join(tmpdir(), 'imageyard-oracle-'));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Bytes that no coder shortens, the same on each call. */
export function noise(length: number): Buffer {
  const key = Buffer.from('01'.padEnd(32, '0'), 'hex');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** 23 MiB + 512: no multiple of any cluster. */
export const SOURCE_BYTES = 24_117_760;

/**
 * The guest disk of all base files: noise at the start, noise across cluster borders, text that
 * packs well, and the last three sectors.
 */
export async function makeSource(path: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.truncate(SOURCE_BYTES);
    await file.write(noise(4096), 0, 4096, 0);
    await file.write(noise(200_192), 0, 200_192, 6144 * 512);
    await file.write(Buffer.from('text\n'.repeat(61_440)), 0, 307_200, 24_576 * 512);
    await file.write(noise(1536), 0, 1536, 47_102 * 512);
  } finally {
    await file.close();
  }
}

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a program of qemu-utils to its end (at most 60 s); the exit status is data, not an error. */
export async function tool(program: string, args: readonly string[]): Promise<ToolResult> {
  try {
    const { stdout, stderr } = await run(program, args, { timeout: 60_000, maxBuffer: 64 << 20 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof failed.code !== 'number') throw error;
    return { code: failed.code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
}

/** Run `qemu-img` and insist on exit status 0. */
export async function qemuImg(...args: string[]): Promise<string> {
  const result = await tool('qemu-img', args);
  if (result.code !== 0) throw new Error(`qemu-img ${args.join(' ')}: ${result.code} ${result.stderr}`);
  return result.stdout;
}

/** Run `qemu-io -c command…` on a file and insist on exit status 0. */
export async function qemuIo(path: string, ...commands: string[]): Promise<string> {
  const result = await tool('qemu-io', [...commands.flatMap((c) => ['-c', c]), path]);
  if (result.code !== 0) throw new Error(`qemu-io ${path}: ${result.code} ${result.stderr}`);
  return result.stdout;
}

export interface ConvertOptions {
  /** The source's format in our words; default raw. */
  readonly from?: string;
  /** For `-o`. */
  readonly options?: string;
  readonly more?: readonly string[];
  /** `convert -c -O qcow` makes a right image and exits 1. */
  readonly mayExit1?: boolean;
}

/** `qemu-img convert` to a format in our words. */
export async function convert(
  source: string,
  target: string,
  to: string,
  more: ConvertOptions = {},
): Promise<void> {
  const args = ['convert', '-q', '-f', qemuName(more.from ?? 'raw'), '-O', qemuName(to)];
  if (more.options) args.push('-o', more.options);
  const result = await tool('qemu-img', [...args, ...(more.more ?? []), source, target]);
  if (result.code !== 0 && !(more.mayExit1 && result.code === 1)) {
    throw new Error(`qemu-img ${args.join(' ')}: ${result.code} ${result.stderr}`);
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What the guest sees according to qemu-img: SHA-256 of `qemu-img convert -O raw`. */
export async function guestSha256(path: string, format: string): Promise<string> {
  await using folder = await temporaryFolder();
  await convert(path, folder.file('guest.raw'), 'raw', { from: format });
  return await sha256OfFile(folder.file('guest.raw'));
}

/**
 * Do two files show the same guest bytes and the same size? (`compare -s` would also want the same
 * places allocated.)
 */
export async function sameGuest(a: string, aFormat: string, b: string, bFormat: string): Promise<boolean> {
  const args = ['compare', '-q', '-f', qemuName(aFormat), '-F', qemuName(bFormat), a, b];
  const { code, stderr } = await tool('qemu-img', args);
  if (code > 1) throw new Error(`qemu-img ${args.join(' ')}: ${code} ${stderr}`);
  return code === 0 && (await virtualSize(a, aFormat)) === (await virtualSize(b, bFormat));
}

/** `qemu-img check`: 0 clean, 2 corrupt, 3 leaks, 63 no check for this format. */
export const checkCode = async (path: string, format: string): Promise<number> =>
  (await tool('qemu-img', ['check', '-q', '-f', qemuName(format), path])).code;

/** One line of `qemu-img map`. */
export interface MapEntry {
  readonly start: number;
  readonly length: number;
  readonly data: boolean;
  readonly zero: boolean;
  readonly present?: boolean;
  readonly offset?: number;
}

export const map = async (path: string, format: string): Promise<MapEntry[]> =>
  JSON.parse(await qemuImg('map', '--output=json', '-f', qemuName(format), path)) as MapEntry[];

export const virtualSize = async (path: string, format: string): Promise<number> => {
  const info = JSON.parse(await qemuImg('info', '--output=json', '-f', qemuName(format), path)) as {
    'virtual-size': number;
  };
  return info['virtual-size'];
};
