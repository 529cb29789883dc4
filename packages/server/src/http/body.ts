import { Readable, Transform } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bodyCheckOf } from './body-check.ts';
import type { BodyCheck } from './body-check.ts';
import { grantContinue } from './continue.ts';
import { HttpFault } from './faults.ts';

/** A JSON body has this long to arrive. */
const JSON_BODY_MS = 30_000;
/** A body stream must bring at least this much in each window, or it is given up (features: slow clients). */
const STALL_WINDOW_MS = 60_000;
const STALL_WINDOW_BYTES = 60 * 1024;

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
    const onClose = (): void =>
      finish(new HttpFault('body-cut-short', 'the connection closed inside the body'));
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
 * The body as a stream with backpressure. It fails, rather than ends, when the client vanishes or
 * sends less than 60 KiB in a minute while we are ready to read.
 * Grants `Expect: 100-continue`, so call it only once the request is judged.
 */
export function streamBody(request: FastifyRequest, reply: FastifyReply): IncomingBody {
  const announced = announcedBytes(request);
  const abort = new AbortController();
  const known = kept.get(request);
  if (known) return { stream: Readable.from(once(known)), announcedBytes: announced, signal: abort.signal };
  const raw = request.raw;
  const watched = watchPace(bodyCheckOf(request));
  const vanish = (): void => {
    if (raw.complete) return;
    const fault = new HttpFault('body-cut-short', 'the connection closed inside the body');
    abort.abort(fault);
    watched.destroy(fault);
  };
  raw.once('aborted', vanish).once('close', vanish).once('error', vanish);
  watched.once('close', () => raw.unpipe(watched));
  watched.on('error', () => {}); // the reader gets it too; without a reader nobody needs it
  if (announced === 0) watched.end();
  else {
    grantContinue(request, reply);
    raw.pipe(watched);
  }
  return { stream: watched, announcedBytes: announced, signal: abort.signal };
}

async function* once(body: Promise<Buffer>): AsyncGenerator<Buffer> {
  yield await body;
}

/** Pass bytes on and fail when too few come although the reader is ready. */
function watchPace(check: BodyCheck | undefined): Transform {
  let seen = 0;
  let before = 0;
  const stream = new Transform({
    highWaterMark: 256 * 1024,
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      check?.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(faultOf(check) ?? null);
    },
  });
  const timer = setInterval(() => {
    const waitsForReader = stream.readableLength >= stream.readableHighWaterMark;
    if (!waitsForReader && seen - before < STALL_WINDOW_BYTES)
      stream.destroy(new HttpFault('body-slow', 'the client sent less than 60 KiB within a minute'));
    before = seen;
  }, STALL_WINDOW_MS);
  timer.unref();
  stream.once('close', () => clearInterval(timer));
  stream.once('end', () => clearInterval(timer));
  return stream;
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
