import type { Readable } from 'node:stream';
import type { Digests, HashFollower, HashName, SourceSpec } from '@imageyard/engine/node';
import type { RandomAccess } from '@imageyard/engine';
import type { Catalog } from '../catalog/database.ts';
import type { BlobId, BlobStore } from '../store/blob-store.ts';

/** Bytes that arrived and are durable, but that nobody refers to yet. */
export interface ReceivedBlob {
  readonly id: BlobId;
  readonly sizeBytes: number;
  readonly digests: Digests;
}

export interface ReceiveOptions {
  /**
   * Announced length in bytes, if any; other lengths are `request-malformed` with `{expectedBytes,
   * receivedBytes}` (S3 `IncompleteBody`). A client that vanished: the same with `{disconnected: true}`.
   */
  readonly expectedBytes?: number;
  /** Stop at this many bytes with `source-too-large`. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal;
  /** Sees each chunk on arrival, synchronously and briefly: checksums the hash threads don't do (CRC). */
  onChunk?(chunk: Uint8Array): void;
  /** Called once with the first 64 KiB (or all there is) before it is written; throws to refuse early. */
  onHead?(head: Uint8Array): void;
  /** Hashes to take; default: md5, sha256, sha512. A part of an upload needs its MD5 alone. */
  readonly hashes?: readonly HashName[];
  /** Compared before the blob becomes live; lower-case hex. Throws `value-invalid` with `{digest}`. */
  readonly expectedDigests?: Digests;
}

/** `core/blob`: the blobs that exist and how bytes come in and out. */
export interface Blobs {
  /**
   * Take a stream into a new live blob: constant memory, hashed off the event loop (md5, sha256,
   * sha512), durable when it resolves. On any error nothing is left in the store.
   * The caller inserts a reference in its own transaction (a foreign key to `blobs.id`, ON DELETE
   * RESTRICT), or calls `drop`. What a crash leaves in between is found by the sweep.
   */
  receive(body: Readable, options: ReceiveOptions): Promise<ReceivedBlob>;
  /** Random access to a live blob, parts joined. The bytes stay while it is open. */
  open(id: BlobId): Promise<RandomAccess & { close(): Promise<void> }>;
  /** How worker threads open a live blob; the caller keeps it alive by a reference. */
  describe(id: BlobId): Promise<SourceSpec>;
  /** Bytes [start, end) as a stream with backpressure; ends early on `signal`. */
  stream(id: BlobId, range?: { start: number; end: number }, signal?: AbortSignal): Promise<Readable>;
  /**
   * Hashes of the whole blob; reads it once where they are missing (parts), and keeps them.
   * Callers at the same time share one pass, which the first one's `signal` stops for all.
   */
  ensureHashes(id: BlobId, hooks?: HashHooks): Promise<Required<Pick<Digests, 'md5' | 'sha256' | 'sha512'>>>;
  /**
   * Somebody is hashing this whole blob already (an upload whose parts came in order): `ensureHashes`
   * waits for these digests, which are kept, and reads the blob by itself only if they fail.
   */
  awaitHashes(id: BlobId, pass: RunningHashes): void;
  /** Forget a blob nobody refers to: row → doomed, bytes after the grace. Idempotent; keeps a referenced one. */
  drop(id: BlobId): Promise<void>;
  /**
   * Remove what may go: doomed bytes past their grace, attempts that are over, and blobs that a
   * crash left without a reference. Runs at start, then now and then; one at a time.
   */
  sweep(): Promise<SweepReport>;
  /** Waits for removals under way. */
  close(): Promise<void>;
}

/** A pass over a blob under way outside this room. */
export interface RunningHashes {
  /** md5, sha256 and sha512 of the whole blob. */
  readonly digests: Promise<Digests>;
  bytesDone(): number;
}

export interface HashHooks {
  readonly signal?: AbortSignal;
  onProgress?(bytesDone: number, bytesTotal: number): void;
}

export interface SweepReport {
  /** Blobs whose bytes were removed. */
  readonly removed: number;
  /** Attempts forgotten. */
  readonly stale: number;
  /** Live blobs without any reference. */
  readonly unreferenced: number;
}

/** What `createBlobs` gets: collaborators and settings. */
export interface BlobContext {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly createHashFollower: (hashes: readonly HashName[]) => HashFollower;
  /** Names this process among all that ever wrote to the catalogue; random per start. */
  readonly writer: string;
  /** How long bytes outlive their row. 0 where one process has the store: an open file outlives its name. */
  readonly graceMs: number;
  readonly now: () => number;
}
