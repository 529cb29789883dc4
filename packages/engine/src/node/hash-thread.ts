import { createHash, type Hash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { diskError } from '../errors.ts';
import { readFully } from './files.ts';
import type { HashAnswer, HashOrder } from './hash-messages.ts';
import { nextDataOf } from './holes.ts';
import { encodeError } from './thread-error.ts';
import type { Digests, HashName } from './types.ts';

/** A thread that hashes ranges of files for several sessions in turn, from the page cache. */
const READ_BYTES = 1024 * 1024;
const buffer = new Uint8Array(READ_BYTES);
const zeros = new Uint8Array(READ_BYTES);
const sessions = new Map<number, Map<HashName, Hash>>();

const answer = (message: HashAnswer): void => parentPort!.postMessage(message);

parentPort!.on('message', (order: HashOrder) => {
  const { session } = order;
  const hashes = sessions.get(session);
  switch (order.type) {
    case 'open':
      sessions.set(session, new Map(order.names.map((name) => [name, createHash(name)])));
      return;
    case 'range':
      try {
        if (hashes) hashRange(order, [...hashes.values()]);
        answer({ type: 'done', session });
      } catch (error) {
        answer({ type: 'failed', session, error: encodeError(error) });
      }
      return;
    case 'digest': {
      const digests: Digests = {};
      for (const [name, hash] of hashes ?? []) digests[name] = hash.digest('hex');
      sessions.delete(session);
      answer({ type: 'digest', session, digests });
      return;
    }
    case 'drop':
      sessions.delete(session);
  }
});

interface FileRange {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
}

/** Holes are not read: their zeros are hashed from memory. */
function hashRange({ fd, offset, length }: FileRange, hashes: readonly Hash[]): void {
  const end = offset + length;
  const stat = fstatSync(fd);
  if (stat.size < end) {
    const fact = `a file was to be hashed up to byte ${end} and has ${stat.size}`;
    throw diskError('disk-changed', { offset: stat.size }, fact);
  }
  const isSparse = stat.blocks * 512 < stat.size;
  for (let at = offset; at < end;) {
    const data = isSparse ? nextDataOf(fd, at, end) : { start: at, end };
    const start = data?.start ?? end;
    for (; at < start; at += Math.min(READ_BYTES, start - at)) {
      update(hashes, zeros.subarray(0, Math.min(READ_BYTES, start - at)));
    }
    for (const stop = data?.end ?? end; at < stop;) {
      const piece = buffer.subarray(0, Math.min(READ_BYTES, stop - at));
      if (readFully(fd, piece, at) < piece.length) {
        throw diskError('disk-changed', { offset: at }, 'a file ended while it was hashed');
      }
      update(hashes, piece);
      at += piece.length;
    }
  }
}

function update(hashes: readonly Hash[], bytes: Uint8Array): void {
  for (const hash of hashes) hash.update(bytes);
}
