import { Readable } from 'node:stream';
import { DomainError } from '@imageyard/core';
import type { Blobs, ChecksumAlgorithm, ReceivedBlob } from '@imageyard/core';
import type { Digests } from '@imageyard/engine/node';
import type { Payload } from '../auth/signed-request.ts';
import { startChecksum } from '../checksum/algorithms.ts';
import type { RunningChecksum } from '../checksum/algorithms.ts';
import { bodyClaims, checkedValue } from '../checksum/claims.ts';
import type { BodyClaims } from '../checksum/claims.ts';
import { S3Error } from '../errors.ts';
import type { Headers } from '../headers.ts';
import { awsChunked } from './aws-chunked.ts';
import type { IncomingBody } from './incoming.ts';

/** Largest object or part in one request: 5 GiB. */
export const uploadLimitBytes = 5 * 1024 ** 3;

export interface Received {
  readonly blob: ReceivedBlob;
  /** What the client's checksum turned out to be, or the one that was asked for. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
}

export interface UploadRequest {
  readonly headers: Headers;
  readonly payload: Payload;
  readonly body: IncomingBody;
  /** Compute this one even if the client sends none. */
  readonly wanted?: ChecksumAlgorithm | undefined;
  readonly signal: AbortSignal;
  /** A part of an object: hashes of the whole are taken elsewhere. */
  readonly isPart?: boolean;
}

/** Length of the data, of which the client may say nothing. @throws {S3Error} MissingContentLength, EntityTooLarge */
function dataLength({ headers, payload, body }: UploadRequest): number | undefined {
  if (payload.kind !== 'chunked') {
    if (body.announcedBytes === undefined && !body.isChunked) throw new S3Error('MissingContentLength');
    return checkedLength(body.announcedBytes);
  }
  const text = headers.get('x-amz-decoded-content-length');
  if (text === undefined || !/^\d{1,15}$/.test(text.trim())) throw new S3Error('MissingContentLength');
  return checkedLength(Number(text));
}

function checkedLength(bytes: number | undefined): number | undefined {
  if (bytes !== undefined && bytes > uploadLimitBytes)
    throw new S3Error('EntityTooLarge', undefined, {
      ProposedSize: String(bytes),
      MaxSizeAllowed: String(uploadLimitBytes),
    });
  return bytes;
}

/** What is announced about a body, before it is asked for. @throws {S3Error} */
export function judgeUpload(request: UploadRequest): { length: number | undefined; claims: BodyClaims } {
  return { length: dataLength(request), claims: bodyClaims(request.headers, request.payload) };
}

const badDigest = (algorithm: string) =>
  new S3Error(
    'BadDigest',
    `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
  );

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');
const base64Of = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

/**
 * Take a body into a blob: framing off, every claim held against the bytes. On any error nothing is left.
 * @throws {S3Error} IncompleteBody, BadDigest, XAmzContentSHA256Mismatch, EntityTooLarge, RequestTimeout
 */
export async function receiveUpload(blobs: Blobs, request: UploadRequest): Promise<Received> {
  const { length, claims } = judgeUpload(request);
  const algorithm = claims.checksum?.algorithm ?? request.wanted;
  // SHA-256 is taken by the receiver anyway.
  const running =
    algorithm === undefined || algorithm === 'sha256' ? undefined : await startChecksum(algorithm);
  const trailers = new Map<string, string>();
  const blob = await receive(blobs, request, { length, claims, running, trailers });
  if (algorithm === undefined) return { blob, checksum: undefined };
  const value = running ? running.digest() : base64Of(blob.digests.sha256!);
  const claimed = claims.checksum?.value ?? trailers.get(`x-amz-checksum-${algorithm}`);
  try {
    if (claimed !== undefined && checkedValue(algorithm, claimed) !== value) throw badDigest(algorithm);
  } catch (error) {
    await blobs.drop(blob.id);
    throw error;
  }
  return { blob, checksum: { algorithm, value } };
}

async function receive(
  blobs: Blobs,
  { payload, body, signal, isPart, wanted }: UploadRequest,
  parts: {
    length: number | undefined;
    claims: BodyClaims;
    running: RunningChecksum | undefined;
    trailers: Map<string, string>;
  },
): Promise<ReceivedBlob> {
  const { length, claims, running, trailers } = parts;
  const chunks =
    payload.kind === 'chunked'
      ? awsChunked(body.chunks(), { seed: payload.seed, trailers: claims.trailers }, (name, value) =>
          trailers.set(name, value),
        )
      : body.chunks();
  const expected: Digests = {};
  if (claims.md5 !== undefined) expected.md5 = claims.md5;
  const sumSha256 = claims.checksum?.algorithm === 'sha256' ? claims.checksum.value : undefined;
  if (claims.sha256 !== undefined) expected.sha256 = claims.sha256;
  else if (sumSha256 !== undefined) expected.sha256 = hexOf(sumSha256);
  const needsSha256 = expected.sha256 !== undefined || (claims.checksum?.algorithm ?? wanted) === 'sha256';
  try {
    return await blobs.receive(Readable.from(chunks, { highWaterMark: 1 }), {
      ...(length === undefined ? {} : { expectedBytes: length }),
      limitBytes: uploadLimitBytes,
      signal,
      expectedDigests: expected,
      ...(isPart ? { hashes: needsSha256 ? (['md5', 'sha256'] as const) : (['md5'] as const) } : {}),
      ...(running ? { onChunk: (chunk) => running.update(chunk) } : {}),
    });
  } catch (error) {
    throw translated(error, claims);
  }
}

/** A receiver's refusal in the words of the claim that it refutes. */
function translated(error: unknown, claims: BodyClaims): unknown {
  if (!(error instanceof DomainError)) return error;
  if (error.kind === 'request-malformed') return new S3Error('IncompleteBody');
  if (error.kind !== 'value-invalid') return error;
  const { digest, expected, found } = error.facts;
  if (digest === 'sha256' && claims.sha256 !== undefined)
    return new S3Error('XAmzContentSHA256Mismatch', undefined, {
      ClientComputedContentSHA256: String(expected),
      S3ComputedContentSHA256: String(found),
    });
  if (digest === 'md5')
    return new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.', {
      ExpectedDigest: String(expected),
      CalculatedDigest: String(found),
    });
  return badDigest(String(digest));
}
