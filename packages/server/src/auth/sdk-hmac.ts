import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/**
 * SDK-HMAC-SHA256: one name, two incompatible signature dialects.
 * A (`Access=…`): Huawei's SDKs v3 and Terraform provider. B (`Credential=…`): gophertelekomcloud and
 * the OTC Terraform provider.
 */
export type SdkAuthorization = {
  readonly access: string;
  /** As sent: lower case, in the client's order. */
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hex digits. */
  readonly signature: string;
} & ({ readonly dialect: 'A' } | { readonly dialect: 'B'; readonly credentialScope: CredentialScope });

export interface CredentialScope {
  /** `yyyymmdd` */
  readonly date: string;
  /** Empty in practice. */
  readonly region: string;
  readonly service: string;
}

/** What of a request is signed. */
export interface SignedRequest {
  readonly method: string;
  /** Raw path and query as they stood in the request line. */
  readonly url: string;
  /** Value of a header by its lower-case name; of `host` the one that the client used. */
  header(name: string): string | undefined;
  /** `X-Sdk-Date` */
  readonly date: string;
  /**
   * Last line of the canonical request: hex SHA-256 of the body, or the `X-Sdk-Content-Sha256` header.
   * `none`: there is no body and no such header.
   */
  readonly payload: string | 'none';
}

const algorithm = 'SDK-HMAC-SHA256';
export const emptySha256 = sha256('');

/** @returns undefined when the header is not a well-formed SDK-HMAC-SHA256 authorization */
export function parseAuthorization(header: string): SdkAuthorization | undefined {
  const match = /^SDK-HMAC-SHA256\s+(.+)$/.exec(header.trim());
  if (!match) return undefined;
  const pairs = match[1]!.split(',').map((part) => {
    const cut = part.indexOf('=');
    return [part.slice(0, Math.max(cut, 0)).trim(), part.slice(cut + 1).trim()] as const;
  });
  const parameters = new Map(pairs);
  if (pairs.length !== 3 || parameters.size !== 3) return undefined;
  const signedHeaders = parameters.get('SignedHeaders')?.toLowerCase().split(';');
  const signature = parameters.get('Signature')?.toLowerCase();
  if (!signedHeaders || !signature || !/^[0-9a-f]{64}$/.test(signature)) return undefined;
  if (pairs[0]![0] === 'Access') return { dialect: 'A', access: pairs[0]![1], signedHeaders, signature };
  if (pairs[0]![0] !== 'Credential') return undefined;
  const [access, date, region, service, end, ...more] = pairs[0]![1].split('/');
  if (access === undefined || date === undefined || region === undefined || service === undefined)
    return undefined;
  if (end !== 'sdk_request' || more.length > 0 || !/^\d{8}$/.test(date)) return undefined;
  return { dialect: 'B', access, signedHeaders, signature, credentialScope: { date, region, service } };
}

/** Constant-time, over every form of the path that a known client signs. */
export function isSignatureRight(
  authorization: SdkAuthorization,
  request: SignedRequest,
  secret: string,
): boolean {
  const key = signingKey(authorization, secret);
  const given = Buffer.from(authorization.signature, 'hex');
  let right = false;
  for (const canonical of canonicalRequests(authorization, request)) {
    const text = stringToSign(authorization, request.date, canonical);
    const expected = createHmac('sha256', key).update(text).digest();
    if (timingSafeEqual(expected, given)) right = true;
  }
  return right;
}

function signingKey(authorization: SdkAuthorization, secret: string): string | Buffer {
  if (authorization.dialect === 'A') return secret;
  const { date, region, service } = authorization.credentialScope;
  let key = Buffer.from(`SDK${secret}`);
  for (const part of [date, region, service, 'sdk_request'])
    key = createHmac('sha256', key).update(part).digest();
  return key;
}

/** @param canonical a canonical request */
export function stringToSign(authorization: SdkAuthorization, date: string, canonical: string): string {
  const lines = [algorithm, date];
  if (authorization.dialect === 'B') {
    const { date: day, region, service } = authorization.credentialScope;
    lines.push(`${day}/${region}/${service}/sdk_request`);
  }
  return [...lines, sha256(canonical)].join('\n');
}

/** The canonical request, once for each form of the path: the usual one first. */
export function canonicalRequests(authorization: SdkAuthorization, request: SignedRequest): string[] {
  const cut = request.url.indexOf('?');
  const path = cut < 0 ? request.url : request.url.slice(0, cut);
  const pairs = queryPairs(cut < 0 ? '' : request.url.slice(cut + 1));
  const isB = authorization.dialect === 'B';
  const queryIsPayload = isB && request.method === 'POST' && request.payload === 'none';
  const query = queryIsPayload ? '' : isB ? queryB(pairs) : queryA(pairs);
  const payload = queryIsPayload
    ? sha256(formEncoded(pairs))
    : request.payload === 'none'
      ? emptySha256
      : request.payload;
  const headers = authorization.signedHeaders
    .map((name) => {
      const value = (request.header(name) ?? '').trim();
      return `${name}:${isB ? value.replace(/\s+/g, ' ') : value}\n`;
    })
    .join('');
  return pathForms(path).map((form) =>
    [request.method, form, query, headers, authorization.signedHeaders.join(';'), payload].join('\n'),
  );
}

/** Decoded and encoded once; and, for clients that encode what already is encoded, encoded again. */
function pathForms(path: string): string[] {
  const segments = path.split('/');
  const again = segments.map(encode).join('/');
  let once = again;
  try {
    once = segments.map((segment) => encode(decodeURIComponent(segment))).join('/');
  } catch {
    // not percent-encoded UTF-8: only the raw form can have been signed
  }
  return [...new Set([once, again])].map((form) => (form.endsWith('/') ? form : `${form}/`));
}

type Pair = readonly [name: string, value: string];

function queryPairs(query: string): Pair[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const cut = part.indexOf('=');
      return [decode(cut < 0 ? part : part.slice(0, cut)), cut < 0 ? '' : decode(part.slice(cut + 1))];
    });
}

/** By bytes: names, then values. */
function queryA(pairs: readonly Pair[]): string {
  return pairs
    .toSorted(([a, x], [b, y]) => compareBytes(a, b) || compareBytes(x, y))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

/** Names whatever their case; of a repeated name only the first value. */
function queryB(pairs: readonly Pair[]): string {
  const first = new Map<string, string>();
  for (const [name, value] of pairs) if (!first.has(name)) first.set(name, value);
  return [...first]
    .toSorted(([a], [b]) => compareBytes(a.toLowerCase(), b.toLowerCase()) || compareBytes(a, b))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

/** Go's `url.Values.Encode()`: names sorted, values in their order, spaces as `+`. */
function formEncoded(pairs: readonly Pair[]): string {
  return pairs
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map((pair) => pair.map((text) => encode(text).replaceAll('%20', '+')).join('='))
    .join('&');
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Percent-encoding of RFC 3986: only `A-Z a-z 0-9 - _ . ~` stay. */
function encode(text: string): string {
  return encodeURIComponent(text.isWellFormed() ? text : text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** `20241106T071454Z` as milliseconds; undefined when it is not such a moment. */
export function parseSdkDate(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

export function formatSdkDate(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
