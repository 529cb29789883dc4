import { isIP } from 'node:net';
import { keyLimitBytes } from '@imageyard/core';
import { S3Error } from './errors.ts';

/** One query parameter, as sent and decoded. A missing value is empty. */
export interface Parameter {
  readonly name: string;
  readonly value: string;
}

/** A request target taken apart before any URL library could change it. */
export interface Target {
  /** Path as sent, without query. */
  readonly rawPath: string;
  /** In the order sent. */
  readonly query: readonly Parameter[];
  /** From the host; then the whole path is the key. */
  readonly hostBucket: string | undefined;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Decoded once, never normalised; empty for the bucket itself. */
  readonly key: string;
}

/** Percent-decode exactly once; plus is plus. @throws {S3Error} InvalidURI */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

/** The bucket that a host names, when it is a subdomain of one of ours. */
export function bucketOfHost(host: string, baseHosts: readonly string[]): string | undefined {
  const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return undefined;
  // Longest first: with example.com and obs.example.com, images.obs.example.com names `images`.
  for (const base of baseHosts.toSorted((a, b) => b.length - a.length)) {
    if (name === base) return undefined;
    if (name.endsWith(`.${base}`)) return name.slice(0, -base.length - 1);
  }
  return undefined;
}

function parseQuery(text: string): Parameter[] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const cut = pair.indexOf('=');
      return cut < 0
        ? { name: decodePart(pair), value: '' }
        : { name: decodePart(pair.slice(0, cut)), value: decodePart(pair.slice(cut + 1)) };
    });
}

/**
 * @param url the request target as it stood in the request line
 * @param baseHosts lower-case names without port
 * @throws {S3Error} InvalidURI, KeyTooLongError, InvalidArgument
 */
export function parseTarget(url: string, host: string, baseHosts: readonly string[]): Target {
  // The absolute form names the authority once more. Bytes that should have been encoded are: Node
  // shows each as one character.
  const origin = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  const raw = origin.replace(/[\u0080-\u00ff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const cut = raw.indexOf('?');
  const rawPath = (cut < 0 ? raw : raw.slice(0, cut)) || '/';
  if (!rawPath.startsWith('/')) throw new S3Error('InvalidURI');
  const query = parseQuery(cut < 0 ? '' : raw.slice(cut + 1));
  const hostBucket = bucketOfHost(host, baseHosts);
  const path = rawPath.slice(1);
  const slash = path.indexOf('/');
  const [rawBucket, rawKey] =
    hostBucket !== undefined
      ? [undefined, path]
      : slash < 0
        ? [path, '']
        : [path.slice(0, slash), path.slice(slash + 1)];
  const key = decodePart(rawKey);
  if (Buffer.byteLength(key) > keyLimitBytes)
    throw new S3Error('KeyTooLongError', undefined, {
      Size: String(Buffer.byteLength(key)),
      MaxSizeAllowed: String(keyLimitBytes),
    });
  if (key.includes('\0')) throw new S3Error('InvalidArgument', 'A key can not contain U+0000.');
  return { rawPath, query, hostBucket, bucket: hostBucket ?? decodePart(rawBucket ?? ''), key };
}
