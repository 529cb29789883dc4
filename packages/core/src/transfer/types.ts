import type { Readable } from 'node:stream';
import type { Actor } from '../identity/actor.ts';
import type { Image } from '../image/record.ts';
import type { Job } from '../job/types.ts';

export type RegisterSource = { bucket: string; key: string } | (() => { bucket: string; key: string });

/** `core/transfer`: what moves bytes between their ends. */
export interface Transfer {
  /**
   * Accept a bucket object as an image's data (ims-api.md 4.3 rows 4–6 and 8–13, in order), pin it,
   * set the image `saving` and queue the job in one transaction. Rows 1–3 and 7 are the dialect's;
   * a function as source is called between rows 6 and 8, so that row 7 speaks in its turn.
   */
  register(actor: Actor, imageId: string, source: RegisterSource): Promise<Job>;
  /** Take an upload body as an image's data (glance.md 8.1), without conversion. */
  upload(actor: Actor, imageId: string, body: Readable, options: UploadOptions): Promise<void>;
  /** The image's stored bytes (glance.md 8.2). @throws `image-no-data`, `not-authorized` */
  download(actor: Actor, imageId: string): Promise<ImageDownload>;
  /** DELETE of an image in any state: cancels its job, frees its reference. */
  deleteImage(actor: Actor, imageId: string): Promise<void>;
  /**
   * At the start of the one process that has the store: images that a killed process left `saving`
   * without a job become `killed`.
   */
  recover(): Promise<void>;
}

export interface UploadOptions {
  readonly expectedBytes?: number;
  readonly signal?: AbortSignal;
}

export interface ImageDownload {
  readonly image: Image;
  readonly sizeBytes: number;
  stream(range: { start: number; end: number } | undefined, signal: AbortSignal): Promise<Readable>;
}
