import { randomBytes } from 'node:crypto';
import { BlobHashes } from './hashes.ts';
import { BlobPins } from './pins.ts';
import { describeBlob, openBlob, streamBlob } from './read.ts';
import { receiveBlob } from './receive.ts';
import { dropBlob, removeDoomed, sweepBlobs } from './sweep.ts';
import type { BlobContext, Blobs, SweepReport } from './types.ts';

/** Collaborators, and settings where the defaults don't do (`BlobContext`). */
export type BlobsOptions = Pick<BlobContext, 'catalog' | 'store' | 'createHashFollower'> &
  Partial<Pick<BlobContext, 'writer' | 'graceMs' | 'now'>>;

/** The room of blobs over one catalogue and one store. */
export function createBlobs(options: BlobsOptions): Blobs {
  const context: BlobContext = {
    writer: randomBytes(16).toString('hex'),
    graceMs: 0,
    now: Date.now,
    ...options,
  };
  const pins = new BlobPins();
  const hashes = new BlobHashes(context, pins);
  // Removals run one behind the other, behind the back of who dropped.
  let removal: Promise<unknown> = Promise.resolve();
  const remove = <T>(work: () => Promise<T>): Promise<T> => {
    const next = removal.then(work);
    removal = next.catch(() => {}); // the next sweep tries again
    return next;
  };
  return {
    receive: (body, receiveOptions) => receiveBlob(context, body, receiveOptions),
    open: (id) => openBlob(context, pins, id),
    describe: (id) => describeBlob(context, id),
    stream: (id, range, signal) => streamBlob(context, pins, id, range, signal),
    ensureHashes: (id, hooks) => hashes.ensure(id, hooks),
    awaitHashes: (id, pass) => hashes.awaitOther(id, pass),
    async drop(id) {
      const gone = await dropBlob(context, id);
      if (gone > 0 && context.graceMs === 0) remove(() => removeDoomed(context, pins)).catch(() => {});
    },
    sweep: (): Promise<SweepReport> => remove(() => sweepBlobs(context, pins)),
    async close() {
      await removal;
    },
  };
}
