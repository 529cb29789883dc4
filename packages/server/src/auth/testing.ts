import { createHmac } from 'node:crypto';
import { canonicalRequests, formatSdkDate, parseAuthorization, sha256, stringToSign } from './sdk-hmac.ts';

/** What a test signs; header names in lower case, `host` included. */
export interface ToSign {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly key: { readonly access: string; readonly secret: string };
  readonly dialect?: 'A' | 'B';
  /** Joined by `;`; default `host;x-sdk-date`. */
  readonly signedHeaders?: string;
}

/**
 * Headers that sign a request; what is checked against published vectors makes them.
 * An `x-sdk-date` or `x-sdk-content-sha256` that is there already is signed as it stands.
 */
export function signHeaders(request: ToSign): Record<string, string> {
  const date = request.headers['x-sdk-date'] ?? formatSdkDate(Date.now());
  const headers = { ...request.headers, 'x-sdk-date': date };
  const names = request.signedHeaders ?? 'host;x-sdk-date';
  const { access, secret } = request.key;
  const isB = request.dialect === 'B';
  const day = date.slice(0, 8);
  const who = isB ? `Credential=${access}/${day}///sdk_request` : `Access=${access}`;
  const head = `SDK-HMAC-SHA256 ${who}, SignedHeaders=${names}, Signature=`;
  const authorization = parseAuthorization(head + '0'.repeat(64));
  if (!authorization) throw new Error('nothing that can be signed');
  const [canonical] = canonicalRequests(authorization, {
    method: request.method,
    url: request.url,
    header: (name) => (headers as Record<string, string>)[name],
    date,
    payload:
      request.headers['x-sdk-content-sha256'] ?? (request.body === undefined ? 'none' : sha256(request.body)),
  });
  const chain = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const key = isB ? ['', '', 'sdk_request'].reduce<Buffer>(chain, chain(`SDK${secret}`, day)) : secret;
  const signature = chain(key, stringToSign(authorization, date, canonical!)).toString('hex');
  return { ...headers, authorization: head + signature };
}
