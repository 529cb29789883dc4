import { createHash } from 'node:crypto';
import { startChecksum } from '../checksum/algorithms.ts';
import { bodyClaims, checkedValue } from '../checksum/claims.ts';
import type { Payload } from '../auth/signed-request.ts';
import { S3Error } from '../errors.ts';
import type { Headers } from '../headers.ts';
import { awsChunked } from './aws-chunked.ts';
import type { IncomingBody } from './incoming.ts';

export interface DocumentRequest {
  readonly headers: Headers;
  readonly payload: Payload;
  readonly body: IncomingBody;
  readonly limitBytes: number;
  /** Refuse a body that nothing vouches for (batch delete). */
  readonly mustBeProved?: boolean;
}

/**
 * A small body as text, its claims checked.
 * @throws {S3Error} MalformedXML when it is longer than `limitBytes`, BadDigest, XAmzContentSHA256Mismatch, InvalidRequest
 */
export async function readDocument(request: DocumentRequest): Promise<string> {
  const { headers, payload, body, limitBytes } = request;
  const claims = bodyClaims(headers, payload);
  if (request.mustBeProved && claims.md5 === undefined && !claims.checksum && claims.sha256 === undefined)
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  if ((body.announcedBytes ?? 0) > limitBytes * 2) throw new S3Error('MalformedXML');
  const trailers = new Map<string, string>();
  const chunks =
    payload.kind === 'chunked'
      ? awsChunked(body.chunks(), { seed: payload.seed, trailers: claims.trailers }, (name, value) =>
          trailers.set(name, value),
        )
      : body.chunks();
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limitBytes)
      throw new S3Error('MalformedXML', `The body is longer than ${limitBytes} bytes.`);
    pieces.push(chunk);
  }
  const bytes = Buffer.concat(pieces, length);
  const hex = (name: string) => createHash(name).update(bytes).digest('hex');
  if (claims.sha256 !== undefined && hex('sha256') !== claims.sha256)
    throw new S3Error('XAmzContentSHA256Mismatch');
  if (claims.md5 !== undefined && hex('md5') !== claims.md5) throw new S3Error('BadDigest');
  if (claims.checksum) {
    const { algorithm } = claims.checksum;
    const running = await startChecksum(algorithm);
    running.update(bytes);
    const claimed = claims.checksum.value ?? trailers.get(`x-amz-checksum-${algorithm}`) ?? '';
    if (checkedValue(algorithm, claimed) !== running.digest()) throw new S3Error('BadDigest');
  }
  return bytes.toString('utf8');
}
