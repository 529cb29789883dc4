import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Disk, type RandomAccess, type SparseMemory } from '@imageyard/engine';
import { GuestReader } from '../../packages/engine/src/disk/reader.ts';
import type { MapEntry } from './qemu.ts';

/** A small file, closed with its scope. */
export async function fileOf(path: string): Promise<RandomAccess & AsyncDisposable> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    size,
    async read(offset, target) {
      const { bytesRead } = await handle.read(target, 0, target.length, offset);
      if (bytesRead !== target.length) throw new Error(`${bytesRead} of ${target.length} bytes at ${offset}`);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** SHA-256 of what we say the guest sees. */
export async function guestSha256Of(disk: Disk): Promise<string> {
  const hash = createHash('sha256');
  const reader = new GuestReader(disk);
  for (let at = 0; at < disk.virtualSize; at += 1024 * 1024) {
    const bytes = new Uint8Array(Math.min(1024 * 1024, disk.virtualSize - at));
    await reader.read(at, bytes);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

export async function writeOut(memory: SparseMemory, path: string): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.truncate(memory.size);
    for (let at = 0; ;) {
      const data = await memory.nextData(at);
      if (!data) return;
      const bytes = new Uint8Array(Math.min(data.end - data.start, 1024 * 1024));
      await memory.read(data.start, bytes);
      await handle.write(bytes, 0, bytes.length, data.start);
      at = data.start + bytes.length;
    }
  } finally {
    await handle.close();
  }
}

/** A guest range as `qemu-img map` tells it; offsets of packed data are not told. */
export interface MapRange {
  start: number;
  length: number;
  kind: 'data' | 'zero' | 'hole';
  offset?: number;
}

/** Our extents in the words of `qemu-img map`, neighbours merged. */
export async function ourMap(disk: Disk): Promise<MapRange[]> {
  const merged: MapRange[] = [];
  for await (const extent of disk.extents(0)) {
    const kind = extent.kind === 'hole' || extent.kind === 'zero' ? extent.kind : 'data';
    const range: MapRange = { start: extent.guestOffset, length: extent.length, kind };
    if (extent.kind === 'stored') range.offset = extent.fileOffset;
    merge(merged, range);
  }
  return merged;
}

export function mergedMap(entries: readonly MapEntry[]): MapRange[] {
  const merged: MapRange[] = [];
  for (const { start, length, data, present, offset } of entries) {
    const kind = data ? 'data' : present ? 'zero' : 'hole';
    merge(merged, { start, length, kind, ...(data && offset !== undefined && { offset }) });
  }
  return merged;
}

function merge(merged: MapRange[], next: MapRange): void {
  const last = merged.at(-1);
  const touches =
    last?.kind === next.kind &&
    (last.offset === undefined) === (next.offset === undefined) &&
    (last.offset === undefined || last.offset + last.length === next.offset);
  if (last && touches) last.length += next.length;
  else merged.push({ ...next });
}
