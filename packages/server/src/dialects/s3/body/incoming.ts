import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error } from '../errors.ts';

export interface PaceOptions {
  /** A client that sends nothing for so long is given up. */
  readonly idleMs: number;
  /** Least bytes in a window of `idleMs` in which we waited for the client all the time. */
  readonly leastBytes: number;
}

/** The client went away before its body was complete. */
export class Vanished extends Error {
  override readonly name = 'Vanished';
  readonly code = 'ECONNRESET'; // how the receiver of a stream tells this from other failures
  constructor() {
    super('the connection closed inside the body');
  }
}

/** The body of a request as it comes over the wire; asked for only when it is read. */
export class IncomingBody {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #pace: PaceOptions;
  #started = false;

  constructor(request: IncomingMessage, response: ServerResponse, pace: PaceOptions) {
    this.#request = request;
    this.#response = response;
    this.#pace = pace;
  }

  /** Bytes on the wire; undefined when the client doesn't say. */
  get announcedBytes(): number | undefined {
    const { headers } = this.#request;
    if (headers['transfer-encoding'] !== undefined) return undefined;
    return headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  }

  /** Chunked by HTTP: a body of unknown length. */
  get isChunked(): boolean {
    return this.#request.headers['transfer-encoding'] !== undefined;
  }

  get isEmpty(): boolean {
    return !this.isChunked && !this.announcedBytes;
  }

  /**
   * The bytes, waited for at the reader's pace. A client that waits to be asked (`Expect`) is asked
   * now, so everything that can be judged without the body has to be judged before.
   * @throws {Vanished} when the client goes away
   * @throws {S3Error} RequestTimeout when it sends too little
   */
  async *chunks(): AsyncGenerator<Buffer> {
    if (this.#started) throw new Error('the body was read already');
    this.#started = true;
    if (this.isEmpty) return;
    const request = this.#request;
    const waiter = new Waiter(request, this.#pace);
    try {
      if (request.headers.expect?.toLowerCase() === '100-continue' && !this.#response.headersSent)
        this.#response.writeContinue();
      for (;;) {
        const chunk = request.read() as Buffer | null;
        if (chunk !== null) {
          waiter.received += chunk.length;
          yield chunk;
        } else if (request.readableEnded) return;
        else if (request.destroyed) throw new Vanished();
        else await waiter.wait();
      }
    } finally {
      waiter.close();
    }
  }
}

/** Waits for the next event of a stream, and counts how long the client lets us wait. */
class Waiter {
  received = 0;
  readonly #request: IncomingMessage;
  readonly #pace: PaceOptions;
  #waitedMs = 0;
  #resolve: (() => void) | undefined;
  readonly #wake = (): void => this.#resolve?.();

  constructor(request: IncomingMessage, pace: PaceOptions) {
    this.#request = request;
    this.#pace = pace;
    for (const event of ['readable', 'end', 'close', 'error']) request.on(event, this.#wake);
  }

  async wait(): Promise<void> {
    const start = performance.now();
    const left = Math.max(this.#pace.idleMs - this.#waitedMs, 0);
    let timer: NodeJS.Timeout | undefined;
    const isLate = await new Promise<boolean>((resolve) => {
      this.#resolve = () => resolve(false);
      timer = setTimeout(() => resolve(true), left);
    });
    clearTimeout(timer);
    this.#resolve = undefined;
    this.#waitedMs += performance.now() - start;
    if (!isLate && this.#waitedMs < this.#pace.idleMs) return;
    if (this.received < this.#pace.leastBytes) throw new S3Error('RequestTimeout');
    this.#waitedMs = 0;
    this.received = 0;
  }

  close(): void {
    for (const event of ['readable', 'end', 'close', 'error']) this.#request.off(event, this.#wake);
  }
}
