import type { Readable } from 'node:stream';
import type { Digests, SourceSpec } from '@imageyard/engine/node';
import type { RandomAccess } from '@imageyard/engine';
import type { BlobId } from '../store/blob-store.ts';

/** Bytes that arrived and are durable, but that nobody refers to yet. */
export interface ReceivedBlob {
  readonly id: BlobId;
  readonly sizeBytes: number;
  readonly digests: Digests;
}

export interface ReceiveOptions {
  /** Announced length in bytes, if any; other lengths are `request-malformed` (S3 `IncompleteBody`). */
  readonly expectedBytes?: number;
  /** Stop at this many bytes with `source-too-large`. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal;
  /** Sees each chunk on arrival, synchronously and briefly: checksums the hash threads don't do (CRC). */
  onChunk?(chunk: Uint8Array): void;
  /** Called once with the first 64 KiB (or all there is) before it is written; throws to refuse early. */
  onHead?(head: Uint8Array): void;
  /** Compared before the blob becomes live; lower-case hex. Throws `value-invalid` with `{digest}`. */
  readonly expectedDigests?: Digests;
}

/** `core/blob`: the blobs that exist and how bytes come in and out. */
export interface Blobs {
  /**
   * Take a stream into a new live blob: constant memory, hashed off the event loop (md5, sha256,
   * sha512), durable when it resolves. On any error nothing is left in the store.
   * The caller inserts a reference in its own transaction (`adopt` checks), or calls `drop`.
   */
  receive(body: Readable, options: ReceiveOptions): Promise<ReceivedBlob>;
  /** Random access to a live blob, parts joined. */
  open(id: BlobId): Promise<RandomAccess & { close(): Promise<void> }>;
  describe(id: BlobId): Promise<SourceSpec>;
  /** Bytes [start, end) as a stream with backpressure; ends early on `signal`. */
  stream(id: BlobId, range?: { start: number; end: number }, signal?: AbortSignal): Promise<Readable>;
  /** Forget a blob nobody refers to: row → doomed, bytes after the grace. Idempotent; keeps a referenced one. */
  drop(id: BlobId): Promise<void>;
}
