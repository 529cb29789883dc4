import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Digests, HashName } from '@imageyard/engine/node';
import { insertWritingBlob, makeBlobLive } from '../catalog/blobs.ts';
import { doomStaleBlob, forgetDoomedBlob } from '../catalog/blobs-sweep.ts';
import { DomainError } from '../errors.ts';
import type { BlobWriter } from '../store/blob-store.ts';
import type { BlobContext, ReceiveOptions, ReceivedBlob } from './types.ts';

/** Bytes collected before they are written: large writes cost a quarter of small ones. */
const bufferBytes = 1024 * 1024;
/** What `onHead` is shown. */
const headBytes = 64 * 1024;
/** Bodies up to this length are hashed here: less than a millisecond, no thread needed. */
const inlineHashBytes = 256 * 1024;

export const blobHashes: readonly HashName[] = ['md5', 'sha256', 'sha512'];

/** See `Blobs.receive`. Holds two buffers of 1 MiB for each stream. */
export async function receiveBlob(
  context: BlobContext,
  body: Readable,
  options: ReceiveOptions,
): Promise<ReceivedBlob> {
  // A client may vanish before anybody reads: the reader is told later, nobody else has to be.
  body.on('error', () => {});
  checkAnnounced(options);
  const id = randomBytes(16).toString('hex');
  const owner = { writer: context.writer };
  await context.catalog.write((tx) => insertWritingBlob(tx, id, owner, context.now()));
  let writer: BlobWriter | undefined;
  let intake: Intake | undefined;
  try {
    writer = await context.store.create(id);
    intake = new Intake(context, writer, options);
    await consume(body, intake, options.signal);
    const { sizeBytes, digests } = await intake.finish();
    checkDigests(digests, options.expectedDigests);
    options.signal?.throwIfAborted();
    await writer.publish(sizeBytes);
    const live = await context.catalog.write((tx) =>
      makeBlobLive(tx, id, owner, { size: sizeBytes, digests }),
    );
    if (!live) throw new DomainError('internal', `blob ${id} lost its row while it was received`);
    return { id, sizeBytes, digests };
  } catch (error) {
    body.destroy();
    await intake?.abandon();
    // If this fails too, the row stays and the next start's sweep removes both.
    await forgetBlob(context, id, writer).catch(() => {});
    throw error;
  }
}

/** The row goes last: while there are bytes, there is a row that says whose. */
async function forgetBlob(context: BlobContext, id: string, writer: BlobWriter | undefined): Promise<void> {
  await writer?.abandon();
  await context.store.delete(id);
  await context.catalog.write(async (tx) => {
    const row = { id, jobId: null, fence: null, writer: context.writer };
    if (await doomStaleBlob(tx, context.catalog.engine, row, context.now())) await forgetDoomedBlob(tx, id);
  });
}

function checkAnnounced({ expectedBytes, limitBytes }: ReceiveOptions): void {
  if (expectedBytes !== undefined && expectedBytes > limitBytes) throw tooLarge(limitBytes, expectedBytes);
}

function tooLarge(limitBytes: number, sizeBytes: number): DomainError {
  return new DomainError('source-too-large', `the data is larger than the limit of ${limitBytes} bytes`, {
    limitBytes,
    sizeBytes,
  });
}

function checkDigests(found: Digests, expected: Digests | undefined): void {
  for (const [digest, value] of Object.entries(expected ?? {}) as [HashName, string][]) {
    if (found[digest] !== value) {
      throw new DomainError(
        'value-invalid',
        `${digest} of the data is ${found[digest]}, announced was ${value}`,
        {
          digest,
          expected: value,
          found: found[digest],
        },
      );
    }
  }
}

/** Read the body to its end; the stream waits while the disk does. */
async function consume(body: Readable, intake: Intake, signal: AbortSignal | undefined): Promise<void> {
  const stop = (): void => void body.destroy(signal?.reason instanceof Error ? signal.reason : undefined);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  let complete = false;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) await intake.take(chunk);
    complete = true;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && isDisconnect(error)) {
      throw new DomainError(
        'request-malformed',
        `the body ended after ${intake.received} bytes, before it was complete`,
        { receivedBytes: intake.received, disconnected: true },
        { cause: error },
      );
    }
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    if (complete) signal?.throwIfAborted();
  }
}

const disconnectCodes = new Set(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ABORT_ERR']);

function isDisconnect(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return (code !== undefined && disconnectCodes.has(code)) || error.message === 'aborted';
}

/** Collects chunks, writes full buffers behind the reader's back, feeds the hashes in order. */
class Intake {
  received = 0;
  readonly #context: BlobContext;
  readonly #writer: BlobWriter;
  readonly #options: ReceiveOptions;
  #buffer: Buffer = Buffer.allocUnsafe(bufferBytes);
  #spare: Buffer | undefined;
  #filled = 0;
  #written = 0;
  #headShown = false;
  #pending: Promise<void> | undefined;
  #follower: ReturnType<BlobContext['createHashFollower']> | undefined;

  constructor(context: BlobContext, writer: BlobWriter, options: ReceiveOptions) {
    this.#context = context;
    this.#writer = writer;
    this.#options = options;
  }

  async take(chunk: Uint8Array): Promise<void> {
    const { expectedBytes, limitBytes } = this.#options;
    this.received += chunk.length;
    if (this.received > limitBytes) throw tooLarge(limitBytes, this.received);
    if (expectedBytes !== undefined && this.received > expectedBytes) throw this.#wrongLength(expectedBytes);
    this.#options.onChunk?.(chunk);
    for (let at = 0; at < chunk.length;) {
      const room = Math.min(chunk.length - at, bufferBytes - this.#filled);
      this.#buffer.set(chunk.subarray(at, at + room), this.#filled);
      this.#filled += room;
      at += room;
      if (!this.#headShown && this.#filled >= headBytes) this.#showHead();
      if (this.#filled === bufferBytes) await this.#flush();
    }
  }

  async finish(): Promise<{ sizeBytes: number; digests: Digests }> {
    const { expectedBytes } = this.#options;
    if (expectedBytes !== undefined && this.received !== expectedBytes)
      throw this.#wrongLength(expectedBytes);
    if (!this.#headShown) this.#showHead();
    const inline = this.#written === 0 && this.#pending === undefined && this.#filled <= inlineHashBytes;
    const digests = inline ? hashNow(this.#wanted, this.#buffer.subarray(0, this.#filled)) : undefined;
    if (this.#filled > 0) await this.#flush(!inline);
    await this.#pending;
    if (digests) return { sizeBytes: this.received, digests };
    const [, threaded] = await Promise.all([this.#writer.sync(), this.#hashes().digest()]);
    return { sizeBytes: this.received, digests: threaded };
  }

  async abandon(): Promise<void> {
    await this.#pending?.catch(() => {}); // the first error is the one that counts
    this.#follower?.abandon();
  }

  #showHead(): void {
    this.#headShown = true;
    this.#options.onHead?.(this.#buffer.subarray(0, Math.min(this.#filled, headBytes)));
  }

  /** Start writing the full buffer, once the one before is written. */
  async #flush(hash = true): Promise<void> {
    await this.#pending;
    const full = this.#buffer;
    const length = this.#filled;
    const offset = this.#written;
    this.#buffer = this.#spare ?? Buffer.allocUnsafe(bufferBytes);
    this.#spare = full;
    this.#filled = 0;
    this.#written += length;
    const pending = this.#writer.write(offset, full.subarray(0, length)).then(() => {
      if (hash) this.#hashes().feed(this.#writer.path, offset, length);
    });
    pending.catch(() => {}); // reported at the next await
    this.#pending = pending;
  }

  get #wanted(): readonly HashName[] {
    return this.#options.hashes ?? blobHashes;
  }

  #hashes(): ReturnType<BlobContext['createHashFollower']> {
    this.#follower ??= this.#context.createHashFollower(this.#wanted);
    return this.#follower;
  }

  #wrongLength(expectedBytes: number): DomainError {
    return new DomainError(
      'request-malformed',
      `${expectedBytes} bytes were announced, ${this.received} came`,
      { expectedBytes, receivedBytes: this.received },
    );
  }
}

function hashNow(names: readonly HashName[], bytes: Uint8Array): Digests {
  const digests: Digests = {};
  for (const name of names) digests[name] = createHash(name).update(bytes).digest('hex');
  return digests;
}
