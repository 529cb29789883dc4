import { createHash, createHmac } from 'node:crypto';
import { decodePart } from '../target.ts';
import type { Parameter } from '../target.ts';
import type { SignedRequest } from './signed-request.ts';

/** RFC 3986: all but unreserved characters encoded, hex in upper case. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The path with each segment decoded once and encoded once; nothing collapsed. */
const canonicalPath = (rawPath: string): string =>
  rawPath
    .split('/')
    .map((segment) => encodeRfc3986(decodePart(segment)))
    .join('/');

function canonicalQuery(query: readonly Parameter[]): string {
  return query
    .map((p) => [encodeRfc3986(p.name), encodeRfc3986(p.value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/**
 * The canonical request of signature version 4 as S3 has it.
 * @param signedHeaders as listed by the client
 * @param payload the line that stands for the body
 */
export function canonicalRequest(
  { method, target, headers }: SignedRequest,
  signedHeaders: readonly string[],
  payload: string,
): string {
  const query = target.query.filter((p) => p.name.toLowerCase() !== 'x-amz-signature');
  return [
    method,
    canonicalPath(target.rawPath),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${(headers.get(name) ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    payload,
  ].join('\n');
}

/** Hex SHA-256; header values are Latin-1. */
export const sha256Hex = (text: string | Uint8Array): string =>
  createHash('sha256')
    .update(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    .digest('hex');

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The key of one day, region and service. */
export function signingKey(secret: string, date: string, region: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), 's3'), 'aws4_request');
}

export const hmacHex = (key: Buffer, text: string): string => hmac(key, text).toString('hex');
