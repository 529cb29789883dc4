import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RandomAccess } from '../access/random-access.ts';
import { requireRange } from '../access/read.ts';
import type { Sink } from '../access/sink.ts';
import { cutShort, diskError } from '../errors.ts';
import { nextDataOf } from './holes.ts';

type OpenFile = RandomAccess & { close(): Promise<void> };

/** A file that got shorter while it was open. */
const shrunk = (offset: number, size: number): Error =>
  diskError(
    'disk-changed',
    { offset },
    `the file had ${size} bytes when it was opened and ends earlier now`,
    cutShort,
  );

/** `SEEK_DATA` only where fewer blocks than bytes say that there are holes. */
const mayHaveHoles = (stat: { blocks: number; size: number }): boolean => stat.blocks * 512 < stat.size;

/**
 * A file for the thread that also answers requests: reads go through libuv's pool. Use it for
 * headers and for ranges of 1 MiB or so; bulk work belongs into a worker thread (`openFileSync`).
 * @throws the system's error when it can't be opened
 */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r');
  try {
    const stat = await handle.stat();
    const { size } = stat;
    return {
      size,
      async read(offset, target) {
        requireRange({ size }, offset, target.length);
        for (let done = 0; done < target.length;) {
          const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
          if (bytesRead === 0) throw shrunk(offset + done, size);
          done += bytesRead;
        }
      },
      ...(mayHaveHoles(stat) && { nextData: async (offset: number) => nextDataOf(handle.fd, offset, size) }),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * A file for a worker thread: reads block the thread and are done when the promise is made, at a
 * quarter of the CPU time of pooled ones.
 * @param beforeRead may throw to end a cancelled task at its next read
 */
export function openFileSync(path: string, beforeRead?: () => void): OpenFile {
  const fd = openSync(path, 'r');
  const stat = fstatSync(fd);
  const { size } = stat;
  return {
    size,
    async read(offset, target) {
      beforeRead?.();
      requireRange(this, offset, target.length);
      if (readFully(fd, target, offset) < target.length) throw shrunk(offset, size);
    },
    ...(mayHaveHoles(stat) && {
      nextData: async (offset: number) => {
        beforeRead?.();
        return nextDataOf(fd, offset, size);
      },
    }),
    async close() {
      closeSync(fd);
    },
  };
}

/** Read until `target` is full or the file ends. @returns bytes read */
export function readFully(fd: number, target: Uint8Array, offset: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * The output of a worker thread: positioned writes into an existing file that several lanes share.
 */
export function openSinkSync(path: string): Sink {
  const fd = openSync(path, 'r+');
  return {
    async write(offset, bytes) {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
      }
    },
    async truncate(size) {
      ftruncateSync(fd, size);
    },
    async sync() {
      fsyncSync(fd);
    },
    async close() {
      closeSync(fd);
    },
  };
}

/** A new or emptied file as a sink, for the thread that also answers requests. */
export async function createFileSink(path: string): Promise<Sink> {
  const handle = await open(path, 'w+');
  return {
    async write(offset, bytes) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    },
    truncate: (size) => handle.truncate(size),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
