/** A small S3 client of our own: requests signed with AWS Signature Version 4, by Amazon's public description. */
import { createHash, createHmac } from 'node:crypto';
import type { Ready } from '../harness.ts';

export type Keys = Pick<Ready, 'bucket' | 'region' | 'accessKey' | 'secretKey'>;

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The path in the one spelling that is signed: what need not be escaped isn't. */
function canonicalPath(path: string): string {
  try {
    return path
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/');
  } catch {
    return path; // broken escapes have no other spelling
  }
}

export interface S3Request {
  readonly method: string;
  /** As it stands in the URL, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its hash is signed; `null` signs UNSIGNED-PAYLOAD, for bodies that the caller sends himself. */
  readonly body?: string | Uint8Array | null;
}

/** Headers that sign `request`, `host` among them. */
export function signS3(keys: Keys, request: S3Request): Record<string, string> {
  const { method, path, query = {}, body = '' } = request;
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    host: new URL(keys.bucket).host,
    'x-amz-date': date,
    'x-amz-content-sha256': body === null ? 'UNSIGNED-PAYLOAD' : sha256(body),
    ...request.headers,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    canonicalPath(path),
    queryOf(query),
    ...names.map((name) => `${name}:${headers[name]!.trim()}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${date.slice(0, 8)}/${keys.region}/s3/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>((k, part) => hmac(k, part), `AWS4${keys.secretKey}`);
  const signature = createHmac('sha256', key)
    .update(['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n'))
    .digest('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...headers, authorization };
}

const queryOf = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');

/** Send a signed request. */
export async function s3(keys: Keys, request: S3Request): Promise<Response> {
  const { host: _, ...headers } = signS3(keys, request);
  const query = queryOf(request.query ?? {});
  return await fetch(`${keys.bucket}${request.path}${query ? `?${query}` : ''}`, {
    method: request.method,
    headers,
    ...(request.body ? { body: request.body as Uint8Array<ArrayBuffer> } : {}),
  });
}

/** @throws {Error} when the answer is no success */
export async function s3Ok(keys: Keys, request: S3Request): Promise<Response> {
  const answer = await s3(keys, request);
  if (!answer.ok)
    throw new Error(`${request.method} ${request.path}: ${answer.status} ${await answer.text()}`);
  return answer;
}
