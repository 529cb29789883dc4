import type { DiskFacts, Finding, FormatName } from '../disk/disk.ts';
import type { ConversionMark } from '../convert/frontier.ts';
import type { LayoutOptions } from '../convert/layout.ts';

export type { ConversionMark };

/** How a worker thread finds a source's bytes by itself; crosses threads by value. */
export type SourceSpec =
  | { readonly kind: 'file'; readonly path: string }
  /** One run of bytes made of several files, in order (a multipart object). */
  | { readonly kind: 'parts'; readonly parts: readonly { readonly path: string; readonly size: number }[] };

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha512';
export type Digests = Partial<Record<HashName, string>>; // lower-case hex

/** What the headers and the structural scan say about a source. */
export interface CheckedSource {
  readonly format: FormatName;
  readonly fileSize: number;
  readonly virtualSize: number;
  readonly facts: DiskFacts;
  readonly findings: readonly Finding[];
  readonly canonical: boolean;
  /** Guest bytes stored or packed: what a conversion reads. */
  readonly dataBytes: number;
  /** Bytes of the file that hold them. */
  readonly allocatedBytes: number;
  readonly highestUsedByte: number;
}

export interface ConversionRequest {
  readonly source: SourceSpec;
  readonly sourceFormat: FormatName;
  readonly targetPath: string;
  readonly targetFormat: FormatName;
  readonly options: LayoutOptions;
  readonly hashes: readonly HashName[];
  readonly resume?: ConversionMark;
  /** Worker threads that move; default: cores. */
  readonly lanes?: number;
}

export type ConversionStage = 'convert' | 'hash';

export interface ConversionHooks {
  readonly signal?: AbortSignal;
  /** At most ten a second for each stage; `bytesDone` never falls within a stage. */
  onProgress?(stage: ConversionStage, bytesDone: number, bytesTotal: number): void;
  /**
   * About each 64 MiB of output, one call at a time; the conversion goes on meanwhile and does not
   * end before the call has. The output was NOT synced: the callee does. A rejection ends the conversion.
   */
  onMark?(mark: ConversionMark): Promise<void>;
  /** Output bytes between two marks; default 64 MiB. */
  readonly markBytes?: number;
}

export interface ConversionResult {
  readonly fileSize: number;
  readonly virtualSize: number;
  readonly digests: Digests;
}

/**
 * Hashes ranges of files in the order in which they are fed, in worker threads, from the page
 * cache: the writer feeds what it has finished. Ranges of several files make one run of bytes.
 */
export interface HashFollower {
  feed(path: string, offset: number, length: number): void;
  /** Bytes hashed so far. */
  readonly bytesDone: number;
  /** Waits for all that was fed. The follower is closed afterwards. */
  digest(): Promise<Digests>;
  /** Drop it; idempotent. */
  abandon(): void;
}
