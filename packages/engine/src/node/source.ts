import { stat } from 'node:fs/promises';
import { statSync } from 'node:fs';
import type { RandomAccess } from '../access/random-access.ts';
import { concat } from '../access/concat.ts';
import { DiskError } from '../errors.ts';
import { openFile, openFileSync } from './files.ts';
import type { SourceSpec } from './types.ts';

type OpenSource = RandomAccess & { close(): Promise<void> };

const pathsOf = (spec: SourceSpec): string[] =>
  spec.kind === 'file' ? [spec.path] : spec.parts.map((part) => part.path);

/** Open a source on the thread that also answers requests. */
export async function openSource(spec: SourceSpec): Promise<OpenSource> {
  if (spec.kind === 'file') return openFile(spec.path);
  const files: OpenSource[] = [];
  try {
    for (const part of spec.parts) {
      files.push(await openFile(part.path));
      requireSize(files.at(-1)!.size, part.size);
    }
    return joined(files);
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

/** Open a source in a worker thread. @see openFileSync */
export function openSourceSync(spec: SourceSpec, beforeRead?: () => void): OpenSource {
  if (spec.kind === 'file') return openFileSync(spec.path, beforeRead);
  const files: OpenSource[] = [];
  try {
    for (const part of spec.parts) {
      files.push(openFileSync(part.path, beforeRead));
      requireSize(files.at(-1)!.size, part.size);
    }
    return joined(files);
  } catch (error) {
    for (const file of files) void file.close(); // closes at once
    throw error;
  }
}

function joined(files: readonly OpenSource[]): OpenSource {
  const all = concat(files);
  return Object.assign(all, {
    close: async () => {
      await Promise.all(files.map((file) => file.close()));
    },
  });
}

function requireSize(found: number, stated: number): void {
  if (found === stated) return;
  throw new DiskError('disk-changed', `a part has ${found} bytes instead of ${stated}`);
}

/**
 * What a source looks like from outside: sizes and times of change of its files. Taken before and
 * after a conversion, it shows that somebody wrote to it meanwhile (hazard H28).
 */
export function fingerprintSync(spec: SourceSpec): string {
  return pathsOf(spec)
    .map((path) => {
      const { size, mtimeMs, ino } = statSync(path);
      return `${ino}:${size}:${mtimeMs}`;
    })
    .join(' ');
}

/** Total bytes of a source. */
export async function sizeOfSource(spec: SourceSpec): Promise<number> {
  if (spec.kind === 'parts') return spec.parts.reduce((sum, part) => sum + part.size, 0);
  return (await stat(spec.path)).size;
}
