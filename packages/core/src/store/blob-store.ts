import type { RandomAccess } from '@imageyard/engine';
import type { SourceSpec } from '@imageyard/engine/node';

export type BlobId = string; // 32 lower-case hex, random, one per attempt

export interface BlobStat {
  readonly id: BlobId;
  readonly size: number;
}

/** A durable point in a blob being written. */
export interface WriteMark {
  /** Bytes [0, size) were synced; what was written behind may be lost. */
  readonly size: number;
  /** What `mark` was given so far, in order: the writer's own notes, e.g. where units were placed. */
  readonly notes: readonly Uint8Array[];
}

/** Where immutable runs of bytes are kept. Two implementations will exist: folder and S3. */
export interface BlobStore {
  /** A new temporary blob, or one resumed at its last mark (what lies behind it is dropped). */
  create(id: BlobId, options?: { resume?: boolean }): Promise<BlobWriter>;
  /** @throws {DomainError} `internal` when the blob isn't there */
  open(id: BlobId): Promise<RandomAccess & { close(): Promise<void> }>;
  /** How a worker thread opens the blob by itself. */
  describe(id: BlobId): SourceSpec;
  stat(id: BlobId): Promise<BlobStat | undefined>;
  /** Idempotent; drops a temporary blob and its notes as well. */
  delete(id: BlobId): Promise<void>;
  /** For audits only, never for decisions: published and temporary blobs after `after`, by id. */
  list(after: BlobId | undefined, limit: number): Promise<(BlobStat & { temporary: boolean })[]>;
  /** Free bytes, for admission and `doctor`. */
  freeBytes(): Promise<number>;
}

/** Nothing is visible before `publish`, all of it durable after. */
export interface BlobWriter {
  readonly id: BlobId;
  /** The state found at a resume; size 0 and no notes for a new blob. */
  readonly mark: WriteMark;
  /** Path of the temporary file, where worker threads write by themselves (folder store). */
  readonly path: string;
  /** Positioned write; places never written read as zeros. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Make what was written durable, without a mark. */
  sync(): Promise<void>;
  /** Sync bytes [0, size), then keep `note` durably. */
  save(size: number, note: Uint8Array): Promise<void>;
  /** Set the length, sync, make visible. Twice equals once. */
  publish(size: number): Promise<BlobStat>;
  /** Drop what was written; a published blob stays. Idempotent. */
  abandon(): Promise<void>;
  /** Let go of the files and keep what is there, to be resumed. Idempotent. */
  close(): Promise<void>;
}
