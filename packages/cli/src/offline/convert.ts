import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { drivers, formatNames, type FormatName } from '@imageyard/engine';
import { checkSource, openFile, runConversion, type CheckedSource } from '@imageyard/engine/node';
import { Option, type Command } from 'commander';
import { createProgress } from '../terminal/progress.ts';
import { exit, report } from './refusal.ts';

interface ConvertOptions {
  readonly to: FormatName;
  readonly from?: FormatName;
  readonly subformat?: string;
  readonly force?: boolean;
}

const writable = drivers.filter((driver) => driver.layout).map((driver) => driver.name);

/** `imageyard convert SOURCE TARGET --to FORMAT`: without a server. */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .argument('<source>', 'a disk image file')
    .argument('<target>', 'the file to write')
    .description('check a disk image and write it in another format')
    .addOption(new Option('--to <format>', 'format to write').choices(writable).makeOptionMandatory())
    .addOption(new Option('--from <format>', "the source's format, if you know it").choices(formatNames))
    .option('--subformat <name>', 'vhd: dynamic (default) or fixed')
    .option('--force', 'replace an existing target')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 2 refused (the source, or an existing target), 1 anything else.',
    )
    .action(async (source: string, target: string, options: ConvertOptions) => {
      process.exitCode = await convert(source, target, options);
    });
}

/** Ctrl-C or SIGTERM. */
class Stopped extends Error {}

async function convert(source: string, target: string, options: ConvertOptions): Promise<number> {
  const standing = lstatSync(target, { throwIfNoEntry: false });
  if (standing && !standing.isFile()) {
    // A device would be replaced, not written; a link would become the file.
    process.stderr.write(`imageyard: ${target} is not a regular file\n`);
    return exit.refused;
  }
  if (standing && !options.force) {
    process.stderr.write(`imageyard: ${target} exists; --force replaces it\n`);
    return exit.refused;
  }
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.part`);
  const controller = new AbortController();
  let signals = 0;
  const stop = (): void => {
    controller.abort(new Stopped('stopped; nothing was written'));
    if (++signals === 1) return;
    // The second time: don't wait for the threads, but leave nothing behind either.
    rmSync(temporary, { force: true });
    process.exit(exit.other);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    const checked = await write(source, temporary, options, controller.signal);
    await moveInto(temporary, target, options.force ?? false);
    process.stdout.write(`${target}: ${options.to} from ${checked.format}\n`);
    return exit.done;
  } catch (error) {
    return report(error);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await rm(temporary, { force: true });
  }
}

/** Check, convert, sync. */
async function write(
  path: string,
  targetPath: string,
  options: ConvertOptions,
  signal: AbortSignal,
): Promise<CheckedSource> {
  const source = { kind: 'file', path } as const;
  const checked = await checkSource(source, { signal, ...(options.from && { stated: options.from }) });
  for (const { level, message } of checked.findings) {
    if (level === 'noted') process.stderr.write(`note: ${message}\n`);
  }
  const progress = createProgress();
  try {
    await runConversion(
      {
        source,
        sourceFormat: checked.format,
        targetPath,
        targetFormat: options.to,
        options: {
          seed: await seedOf(path, options),
          ...(options.subformat && { subformat: options.subformat }),
        },
        hashes: [],
      },
      {
        signal,
        onProgress: (stage, bytesDone, bytesTotal) => progress.update({ stage, bytesDone, bytesTotal }),
      },
    );
    const file = await open(targetPath, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    progress.finish();
  }
  signal.throwIfAborted();
  return checked;
}

/** Give the finished file its name; without `force` never in place of a file that appeared meanwhile. */
async function moveInto(temporary: string, target: string, force: boolean): Promise<void> {
  if (force) await rename(temporary, target);
  else {
    try {
      await link(temporary, target);
      await rm(temporary);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw new Error(`${target} exists; --force replaces it`, { cause: error });
      if (existsSync(target)) throw error;
      await rename(temporary, target); // a file system without hard links
    }
  }
  const folder = await open(dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Identifiers in the output derive from the source's two ends: one input gives one output. */
async function seedOf(path: string, options: ConvertOptions): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    const length = Math.min(file.size, 1024 * 1024);
    const bytes = new Uint8Array(length);
    const hash = createHash('sha256').update(`${options.to}:${file.size}:`);
    for (const offset of [0, file.size - length]) {
      await file.read(offset, bytes);
      hash.update(bytes);
    }
    return hash.digest().subarray(0, 16);
  } finally {
    await file.close();
  }
}
