import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  BucketClient,
  createImage,
  deleteImage,
  RefusedError,
  registerImage,
  Session,
  showImage,
  showJob,
  UnreachableError,
} from '@imageyard/wire/client';
import type { ImageView, JobView } from '@imageyard/wire/client';
import { formatNames } from '@imageyard/engine';
import { Option } from 'commander';
import type { Command } from 'commander';
import { createProgress } from '../terminal/progress.ts';
import { ConnectionError, findConnection } from './connection.ts';

interface PushOptions {
  readonly name?: string;
  readonly format?: string;
  readonly minDisk?: string;
  readonly bucket?: string;
  readonly readyFile?: string;
  readonly wait?: string;
}

/** Exit codes of `push`; `docs/cli.md`. */
const exit = { active: 0, wrongUse: 1, refused: 2, unreachable: 3, stillRunning: 4 } as const;

/** The command was used wrongly; nothing was sent. */
class UsageError extends Error {}

export function registerPush(program: Command): void {
  program
    .command('push')
    .argument('[source]', 'a file (./x, or any existing file), or BUCKET:OBJECT that is there already')
    .description('upload a disk image, register it and wait until it is active')
    .option('--name <name>', "the image's name; default: the file's")
    .addOption(
      new Option(
        '--format <format>',
        "format to store (raw, qcow2, vhd, zvhd2); default: the server's",
      ).choices(formatNames),
    )
    .option('--min-disk <GB>', 'smallest disk of a machine made from the image')
    .option('--bucket <bucket>', 'bucket to upload to; default: push-PROJECT')
    .option(
      '--ready-file <file>',
      "the server's ready file; default: OS_* and AWS_*, then ./imageyard-data/ready.json",
    )
    .option('--wait <job>', 'come back to a job that was left running; no source then')
    .addHelpText('after', '\nExit codes: 0 active, 2 refused, 3 could not be reached, 4 still running.')
    .action(async (source: string | undefined, options: PushOptions) => {
      process.exitCode = await push(source, options);
    });
}

async function push(source: string | undefined, options: PushOptions): Promise<number> {
  try {
    if ((source === undefined) === (options.wait === undefined))
      throw new UsageError('give a file or BUCKET:OBJECT, or --wait JOB, and not both');
    const session = await Session.open(await findConnection(options.readyFile, process.env));
    const job = options.wait ?? (await start(session, source!, options));
    return await follow(session, job, options);
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  const say = (words: string): void => void process.stderr.write(`imageyard: ${words}\n`);
  if (error instanceof Interrupted) {
    say(error.message);
    return error.code;
  }
  say((error as Error).message);
  if (error instanceof RefusedError) return exit.refused;
  if (error instanceof UnreachableError || error instanceof ConnectionError) return exit.unreachable;
  return exit.wrongUse;
}

/** Ctrl-C: what goes on without us, and how to come back. */
class Interrupted extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Run `work` with a signal that fires at Ctrl-C or SIGTERM. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** Upload if need be, create the metadata, register. @returns the job's id */
async function start(session: Session, source: string, options: PushOptions): Promise<string> {
  const minDisk = options.minDisk === undefined ? undefined : Number(options.minDisk);
  if (minDisk !== undefined && (!Number.isInteger(minDisk) || minDisk < 0))
    throw new UsageError('--min-disk takes a whole number of GB');
  const isFile =
    source.startsWith('./') || source.startsWith('/') || source.startsWith('../') || existsSync(source);
  if (!isFile && !source.includes(':'))
    throw new UsageError(`${source} is neither an existing file nor BUCKET:OBJECT`);
  const imageUrl = isFile ? await upload(session, source, options) : source;
  const name = options.name ?? basename(isFile ? source : source.slice(source.indexOf(':') + 1));
  const image = await createImage(session, {
    name,
    ...(options.format ? { disk_format: options.format, container_format: 'bare' } : {}),
    ...(minDisk ? { min_disk: minDisk } : {}),
  });
  try {
    const job = await registerImage(session, image.id, imageUrl);
    process.stdout.write(`registering ${imageUrl} as image ${image.id} (job ${job})\n`);
    return job;
  } catch (error) {
    // A refused registration leaves metadata without data behind: nobody wants that row.
    if (error instanceof RefusedError) await deleteImage(session, image.id).catch(() => {});
    throw error;
  }
}

async function upload(session: Session, file: string, options: PushOptions): Promise<string> {
  const facts = await stat(file).catch((error: Error) => {
    throw new UsageError(`${file} can't be read: ${error.message}`);
  });
  if (!facts.isFile()) throw new UsageError(`${file} is not a file`);
  const { accessKey, secretKey, region } = session.connection;
  if (!accessKey || !secretKey)
    throw new UsageError(
      'uploading needs an access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a ready file',
    );
  const client = new BucketClient({ url: session.bucket, region: region ?? 'eu-de', accessKey, secretKey });
  const bucket = options.bucket ?? `push-${session.projectId}`;
  const key = basename(file).replace(/\s+/g, '_'); // register takes no white space
  await client.ensureBucket(bucket);
  const progress = createProgress(process.stdout);
  try {
    await interruptible(async (signal) => {
      const onProgress = (bytesDone: number, bytesTotal: number): void =>
        progress.update({ stage: 'upload', bytesDone, bytesTotal });
      await client.upload(file, bucket, key, { signal, onProgress }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        throw new Interrupted(
          'stopped during the upload; nothing of it was kept. The same command starts again.',
          130,
        );
      });
    });
  } finally {
    progress.finish();
  }
  return `${bucket}:${key}`;
}

/** Show the job's progress until it ends. @returns the exit code */
async function follow(session: Session, jobId: string, options: PushOptions): Promise<number> {
  const progress = createProgress(process.stdout);
  const again = `npx imageyard push --wait ${jobId}${options.readyFile ? ` --ready-file ${options.readyFile}` : ''}`;
  let job: JobView | undefined;
  try {
    job = await interruptible(async (signal) => {
      for (let failures = 0; ;) {
        try {
          const now = await showJob(session, jobId);
          failures = 0;
          showProgress(progress, now);
          if (now.status === 'SUCCESS' || now.status === 'FAIL') return now;
        } catch (error) {
          if (!(error instanceof UnreachableError) || ++failures > 20) throw error;
        }
        if (signal.aborted) return undefined;
        await pause(failures > 0 ? 500 : 200, undefined, { signal }).catch(() => {}); // an abort ends it early
        if (signal.aborted) return undefined;
      }
    });
  } finally {
    progress.finish();
  }
  if (!job)
    throw new Interrupted(`job ${jobId} goes on in the server; come back with: ${again}`, exit.stillRunning);
  if (job.status === 'FAIL') {
    process.stderr.write(`imageyard: refused (${job.error_code}): ${job.fail_reason}\n`);
    return exit.refused;
  }
  showActive(session, await showImage(session, job.entities.image_id ?? ''), options);
  return exit.active;
}

function showProgress(progress: ReturnType<typeof createProgress>, job: JobView): void {
  const at = job.entities.progress;
  if (!at) return;
  progress.update({
    stage: at.stage,
    bytesDone: at.bytes_done,
    bytesTotal: at.bytes_total,
    bytesPerSecond: at.bytes_per_second,
    etaSeconds: at.eta_seconds,
  });
}

function showActive(session: Session, image: ImageView, options: PushOptions): void {
  const rows: [string, unknown][] = [
    ['image', image.id],
    ['name', image.name],
    ['status', image.status],
    ['format', image.disk_format],
    ['size', `${image.size} bytes`],
    ['virtual size', `${image.virtual_size} bytes`],
    ['md5', image.checksum],
    ['sha256', image['os_hash_sha256']],
    [String(image.os_hash_algo), image.os_hash_value],
  ];
  for (const [name, value] of rows) {
    if (value !== undefined && value !== null) process.stdout.write(`  ${name.padEnd(13)}${String(value)}\n`);
  }
  const ready = options.readyFile ? ` --ready-file ${options.readyFile}` : '';
  process.stdout.write(
    `download:\n  curl -fo ${image.id}.${image.disk_format} -H "X-Auth-Token: $(npx imageyard token${ready})" \\\n` +
      `    ${session.api}/v2/images/${image.id}/file\n`,
  );
}
