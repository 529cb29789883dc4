import type { ChecksumAlgorithm } from '@imageyard/core';
import type { Payload } from '../auth/signed-request.ts';
import { S3Error } from '../errors.ts';
import type { Headers } from '../headers.ts';
import { checksumKind, checksumKinds } from './algorithms.ts';

/** What a client says about its body, to be held against what came. */
export interface BodyClaims {
  /** Lower-case hex, from Content-MD5. */
  readonly md5: string | undefined;
  /** Lower-case hex, from the signed hash of the body. */
  readonly sha256: string | undefined;
  /** The value is undefined when it comes in a trailer. */
  readonly checksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly value: string | undefined }
    | undefined;
  /** Lower-case names of the trailers announced; undefined when the framing has none. */
  readonly trailers: readonly string[] | undefined;
}

const steering = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-type', 'x-amz-checksum-mode']);

/** @throws {S3Error} InvalidDigest */
export function contentMd5(headers: Headers): string | undefined {
  const text = headers.get('content-md5');
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== text.trim()) throw new S3Error('InvalidDigest');
  return bytes.toString('hex');
}

/** The one checksum among the headers. @throws {S3Error} InvalidRequest, BadDigest */
export function headerChecksum(headers: Headers): (BodyClaims['checksum'] & { value: string }) | undefined {
  const given = headers.startingWith('x-amz-checksum-').filter(([name]) => !steering.has(name));
  if (given.length > 1)
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  const [only] = given;
  if (!only) return undefined;
  const kind = checksumKind(only[0].slice('x-amz-checksum-'.length));
  if (!kind) throw new S3Error('InvalidRequest', `The checksum header ${only[0]} is not supported.`);
  return { algorithm: kind.algorithm, value: checkedValue(kind.algorithm, only[1]) };
}

/** A value of the algorithm's length. @throws {S3Error} BadDigest */
export function checkedValue(algorithm: ChecksumAlgorithm, text: string): string {
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== checksumKinds[algorithm].sizeBytes)
    throw new S3Error('BadDigest', `Value for x-amz-checksum-${algorithm} header is invalid.`);
  return bytes.toString('base64');
}

/** Everything a request says about its body. @throws {S3Error} InvalidDigest, InvalidRequest, BadDigest */
export function bodyClaims(headers: Headers, payload: Payload): BodyClaims {
  const hasTrailer = payload.kind === 'chunked' && payload.hasTrailer;
  const trailers = hasTrailer
    ? (headers.get('x-amz-trailer') ?? '')
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter(Boolean)
    : undefined;
  const promised = (trailers ?? [])
    .filter((name) => name.startsWith('x-amz-checksum-'))
    .map((name) => checksumKind(name.slice('x-amz-checksum-'.length)));
  if (promised.includes(undefined))
    throw new S3Error('InvalidRequest', 'The checksum trailer is not supported.');
  const inHeader = headerChecksum(headers);
  if (promised.length + (inHeader ? 1 : 0) > 1)
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  const checksum = inHeader ?? (promised[0] && { algorithm: promised[0].algorithm, value: undefined });
  const announced = headers.get('x-amz-sdk-checksum-algorithm');
  if (announced !== undefined && checksumKind(announced)?.algorithm !== checksum?.algorithm)
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  return {
    md5: contentMd5(headers),
    sha256: payload.kind === 'hashed' ? payload.sha256 : undefined,
    checksum,
    trailers,
  };
}
