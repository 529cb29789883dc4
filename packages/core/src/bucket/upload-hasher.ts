import type { Digests, HashFollower, HashName } from '@imageyard/engine/node';
import type { Blobs } from '../blob/types.ts';
import { partsAfter } from '../catalog/buckets-uploads.ts';
import type { Catalog } from '../catalog/database.ts';
import { partOf } from './records.ts';
import type { UploadPart } from './types.ts';

const wanted: readonly HashName[] = ['md5', 'sha256', 'sha512'];
/** Uploads that are hashed while they arrive; the others when somebody needs their hashes. */
const mostFollowed = 16;
/** An upload without a new part for so long gives its place to another. */
const idleMs = 15 * 60_000;
/** Most parts of an upload. */
const mostParts = 10_000;

export interface HasherDeps {
  readonly catalog: Catalog;
  readonly blobs: Pick<Blobs, 'describe' | 'awaitHashes'>;
  readonly createHashFollower: (hashes: readonly HashName[]) => HashFollower;
}

/** Takes the hashes of whole multipart uploads while their parts arrive. */
export interface UploadHasher {
  /** A part is durable and acknowledged. */
  partArrived(uploadId: string, part: UploadPart): void;
  /** The upload became this blob of these parts. */
  completed(uploadId: string, blobId: string, parts: readonly UploadPart[]): void;
  /** The upload is gone. */
  forget(uploadId: string): void;
  /** Let all hashing end at once. */
  close(): void;
}

/** One upload being followed. Its steps run one behind the other. */
interface Followed {
  readonly follower: HashFollower;
  /** Blobs of parts 1, 2, … as they were fed. */
  readonly fed: string[];
  /** Parts that came before their predecessors did. */
  readonly early: Map<number, UploadPart>;
  steps: Promise<void>;
  /** When the last part came, by the monotonic clock. */
  usedAt: number;
  /** A fed part was replaced: these hashes are of no use. */
  spoilt: boolean;
}

/**
 * Parts are fed in the order of their numbers from 1 on; those that came early are read again from
 * the store when their turn comes. An upload that starts at another number, or whose fed parts are
 * replaced or dropped, is hashed later, in one pass, by whoever needs the hashes.
 */
export function createUploadHasher({ catalog, blobs, createHashFollower }: HasherDeps): UploadHasher {
  const uploads = new Map<string, Followed>();

  const drop = (uploadId: string): void => {
    uploads.get(uploadId)?.follower.abandon();
    uploads.delete(uploadId);
  };

  /** @returns undefined while all places are taken by uploads that go on */
  const follow = (uploadId: string): Followed | undefined => {
    const [longestIdle] = uploads;
    if (uploads.size >= mostFollowed && longestIdle !== undefined) {
      if (performance.now() - longestIdle[1].usedAt < idleMs) return undefined;
      drop(longestIdle[0]);
    }
    const followed: Followed = {
      follower: createHashFollower(wanted),
      fed: [],
      early: new Map(),
      steps: Promise.resolve(),
      usedAt: performance.now(),
      spoilt: false,
    };
    uploads.set(uploadId, followed);
    step(followed, async () => {
      // What arrived before a restart, or before this upload lost its place here.
      for (const row of await partsAfter(catalog.db, uploadId, 0, mostParts)) {
        const part = partOf(row);
        if (part.partNumber > followed.fed.length) followed.early.set(part.partNumber, part);
      }
      await feedReady(followed);
    });
    return followed;
  };

  const step = (followed: Followed, work: () => Promise<void>): void => {
    followed.steps = followed.steps
      .then(() => (followed.spoilt ? undefined : work()))
      .catch(() => {
        // It stays on the list: starting anew at each repeated part would read everything each time.
        followed.spoilt = true;
        followed.follower.abandon();
      });
  };

  const feed = async (followed: Followed, part: UploadPart): Promise<void> => {
    if (part.sizeBytes > 0) {
      const spec = await blobs.describe(part.blobId);
      const files = spec.kind === 'file' ? [{ path: spec.path, size: part.sizeBytes }] : spec.parts;
      for (const file of files) if (file.size > 0) followed.follower.feed(file.path, 0, file.size);
    }
    followed.fed.push(part.blobId);
  };

  const feedReady = async (followed: Followed): Promise<void> => {
    for (;;) {
      const part = followed.early.get(followed.fed.length + 1);
      if (!part) return;
      followed.early.delete(part.partNumber);
      await feed(followed, part);
    }
  };

  return {
    partArrived(uploadId, part) {
      const current = uploads.get(uploadId) ?? follow(uploadId);
      if (!current) return;
      uploads.delete(uploadId); // now the latest
      uploads.set(uploadId, current);
      current.usedAt = performance.now();
      step(current, async () => {
        if (part.partNumber <= current.fed.length) {
          if (current.fed[part.partNumber - 1] !== part.blobId) throw new Error('a hashed part was replaced');
          return;
        }
        current.early.set(part.partNumber, part);
        await feedReady(current);
      });
    },

    completed(uploadId, blobId, parts) {
      const followed = uploads.get(uploadId);
      if (!followed) return;
      uploads.delete(uploadId);
      const digests = async (): Promise<Digests> => {
        await followed.steps;
        const isPrefix = followed.fed.every((blob, index) => parts[index]?.blobId === blob);
        if (followed.spoilt || !isPrefix || followed.fed.length === 0) {
          followed.follower.abandon();
          throw new Error('the upload was not hashed in order');
        }
        for (const part of parts.slice(followed.fed.length)) await feed(followed, part);
        return followed.follower.digest();
      };
      blobs.awaitHashes(blobId, { digests: digests(), bytesDone: () => followed.follower.bytesDone });
    },

    forget: drop,

    close() {
      for (const uploadId of uploads.keys()) drop(uploadId);
    },
  };
}
