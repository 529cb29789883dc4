import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bodyCheckOf } from './body-check.ts';
import type { BodyCheck } from './body-check.ts';
import { grantContinue } from './continue.ts';
import { HttpFault } from './faults.ts';

/** A JSON body has this long to arrive. */
const JSON_BODY_MS = 30_000;
/** In a minute spent waiting for the client it must bring at least 60 KiB of a body stream. */
const PACE_SECONDS = 60;
const PACE_BYTES = 60 * 1024;

const kept = new WeakMap<FastifyRequest, Promise<Buffer>>();

/**
 * The whole body, at most `limitBytes`; empty when there is none. Read once and kept, so that a
 * signature check and a parser can both ask for it.
 * @throws {HttpFault} `body-too-large`, `body-slow`, `body-cut-short`
 */
export function wholeBody(request: FastifyRequest, reply: FastifyReply, limitBytes: number): Promise<Buffer> {
  const known = kept.get(request);
  if (known) return known.then((body) => atMost(body, limitBytes));
  const reading = readWhole(request, reply, limitBytes);
  reading.catch(() => {}); // whoever asked gets the rejection
  kept.set(request, reading);
  return reading;
}

/** Whoever read it first may have had a wider limit. */
function atMost(body: Buffer, limitBytes: number): Buffer {
  if (body.length <= limitBytes) return body;
  throw new HttpFault('body-too-large', `the body has ${body.length} bytes, the limit is ${limitBytes}`);
}

async function readWhole(request: FastifyRequest, reply: FastifyReply, limitBytes: number): Promise<Buffer> {
  const raw = request.raw;
  const announced = announcedBytes(request);
  if (announced === 0) return Buffer.alloc(0);
  if (announced !== undefined && announced > limitBytes)
    throw new HttpFault('body-too-large', `the body has ${announced} bytes, the limit is ${limitBytes}`);
  grantContinue(request, reply);
  const check = bodyCheckOf(request);
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(new HttpFault('body-slow', `the body did not arrive within ${JSON_BODY_MS / 1000} s`)),
      JSON_BODY_MS,
    );
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      raw.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (!error) return resolve(Buffer.concat(chunks, length));
      raw.pause();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limitBytes)
        return finish(new HttpFault('body-too-large', `the body is longer than ${limitBytes} bytes`));
      check?.update(chunk);
      chunks.push(chunk);
    };
    const onEnd = (): void => finish(faultOf(check));
    const onClose = (): void => finish(cutShort());
    raw.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
  });
}

/** What a check has to say at the end of a body. */
function faultOf(check: BodyCheck | undefined): Error | undefined {
  try {
    check?.finish();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The announced length in bytes: 0 without a body, undefined when chunked. */
export function announcedBytes(request: FastifyRequest): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  const length = request.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

/** A body being received: its bytes, and the signal that ends with the connection. */
export interface IncomingBody {
  readonly stream: Readable;
  /** Announced length in bytes; undefined when chunked. */
  readonly announcedBytes: number | undefined;
  /** Aborted when the client goes away before the last byte. */
  readonly signal: AbortSignal;
}

/**
 * The body as a stream with backpressure. It fails, rather than ends, when the client vanishes,
 * stays silent for a minute while we wait for it, or sends bytes that a check refuses.
 * `Expect: 100-continue` is granted at the first read, so a reader that refuses first gets no body.
 */
export function streamBody(request: FastifyRequest, reply: FastifyReply): IncomingBody {
  const announced = announcedBytes(request);
  const abort = new AbortController();
  const known = kept.get(request);
  const source = known ? once(known) : announced === 0 ? once(Promise.resolve(Buffer.alloc(0))) : undefined;
  if (!source)
    request.raw.once('close', () => {
      if (!request.raw.complete) abort.abort(cutShort());
    });
  const bytes = source ?? arriving(request, reply);
  const stream = Readable.from(bytes, { objectMode: false, highWaterMark: 256 * 1024 });
  stream.on('error', () => {}); // the reader gets it too; without a reader nobody needs it
  return { stream, announcedBytes: announced, signal: abort.signal };
}

async function* once(body: Promise<Buffer>): AsyncGenerator<Buffer> {
  const bytes = await body;
  if (bytes.length > 0) yield bytes;
}

/** Chunks as they come. Leaves the connection open when the reader stops early: an answer follows. */
async function* arriving(request: FastifyRequest, reply: FastifyReply): AsyncGenerator<Buffer> {
  const { raw } = request;
  const check = bodyCheckOf(request);
  grantContinue(request, reply);
  const pace = watchPace(() => raw.destroy());
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      check?.update(chunk as Buffer);
      pace.pause(chunk.length); // while the reader is busy the client owes nothing
      yield chunk as Buffer;
      pace.resume();
    }
  } catch (error) {
    if (pace.isTooSlow())
      throw new HttpFault('body-slow', `the client sent less than ${PACE_BYTES} bytes in ${PACE_SECONDS} s`);
    throw raw.complete ? error : cutShort(error);
  } finally {
    pace.end();
  }
  if (!raw.complete) throw cutShort();
  check?.finish();
}

/** Counts the seconds we wait for a client and what it brings in them. */
function watchPace(tooSlow: () => void) {
  let isWaiting = true;
  let slow = false;
  let seconds = 0;
  let bytes = 0;
  const timer = setInterval(() => {
    if (!isWaiting || ++seconds < PACE_SECONDS) return;
    slow = bytes < PACE_BYTES;
    seconds = 0;
    bytes = 0;
    if (slow) tooSlow();
  }, 1000);
  return {
    pause(received: number): void {
      isWaiting = false;
      bytes += received;
    },
    resume(): void {
      isWaiting = true;
    },
    isTooSlow: () => slow,
    end: () => clearInterval(timer),
  };
}

function cutShort(cause?: unknown): HttpFault {
  return new HttpFault('body-cut-short', 'the connection closed inside the body', {}, { cause });
}

/**
 * Let requests of every content type in and leave their bodies alone: handlers ask for them
 * (`wholeBody`, `streamBody`) once the request is judged. An odd content type is no reason to refuse
 * what can be parsed; GETs of some clients carry one without a body.
 */
export function acceptAnyBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
}
