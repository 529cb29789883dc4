import { S3Error } from '../errors.ts';
import { canonicalRequest, hmacHex, sha256Hex, signingKey } from './sigv4-canonical.ts';
import { parameter, sameText } from './signed-request.ts';
import type { Payload, SignedRequest } from './signed-request.ts';

export const algorithm = 'AWS4-HMAC-SHA256';
/** Clocks may differ by so much. */
export const skewMs = 15 * 60_000;
const weekSeconds = 604_800;

interface Claim {
  readonly access: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** A claim taken apart; `verify` proves it once the secret is known. */
export interface SigV4 {
  readonly access: string;
  verify(secret: string): Payload;
}

export interface SigV4Options {
  readonly now: number;
  /** Refuse scopes of other regions. */
  readonly onlyRegion?: string | undefined;
}

function parseCredential(text: string | undefined): Pick<Claim, 'access' | 'date' | 'region'> | undefined {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/.exec(text ?? '');
  return match ? { access: match[1]!, date: match[2]!, region: match[3]! } : undefined;
}

/** `20241106T071454Z` as milliseconds. */
function parseBasicTime(text: string | undefined): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '');
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

const basicTime = (time: number): string => `${new Date(time).toISOString().replace(/[-:]|\.\d+/g, '')}`;

function headerClaim(authorization: string): Claim {
  const fields = new Map<string, string>();
  for (const field of authorization.slice(algorithm.length).split(',')) {
    const cut = field.indexOf('=');
    if (cut > 0) fields.set(field.slice(0, cut).trim(), field.slice(cut + 1).trim());
  }
  const credential = parseCredential(fields.get('Credential'));
  const signedHeaders = fields.get('SignedHeaders')?.toLowerCase().split(';') ?? [];
  const signature = fields.get('Signature') ?? '';
  if (!credential || signedHeaders.length === 0 || !/^[0-9a-f]{64}$/.test(signature))
    throw new S3Error('AuthorizationHeaderMalformed');
  return { ...credential, signedHeaders, signature };
}

function checkRegion(claim: Claim, onlyRegion: string | undefined): void {
  if (onlyRegion === undefined || claim.region === onlyRegion) return;
  throw new S3Error(
    'AuthorizationHeaderMalformed',
    `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${onlyRegion}'`,
    { Region: onlyRegion },
  );
}

/** Everything that steers us must be covered, or whoever holds a link could add to it. */
function checkCovered({ headers }: SignedRequest, claim: Claim): void {
  const missing = headers
    .startingWith('x-amz-')
    .map(([name]) => name)
    .filter((name) => !claim.signedHeaders.includes(name));
  if (!claim.signedHeaders.includes('host')) missing.unshift('host');
  if (missing.length > 0)
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: missing.join(', '),
    });
}

export function skewed(time: number, now: number): S3Error {
  return new S3Error('RequestTimeTooSkewed', undefined, {
    RequestTime: Number.isNaN(time) ? '' : new Date(time).toISOString(),
    ServerTime: new Date(now).toISOString(),
    MaxAllowedSkewMilliseconds: String(skewMs),
  });
}

/** Prove the signature. @throws {S3Error} SignatureDoesNotMatch with what the server signed */
function prove(request: SignedRequest, claim: Claim, secret: string, dateTime: string, payload: string) {
  const canonical = canonicalRequest(request, claim.signedHeaders, payload);
  const scope = `${claim.date}/${claim.region}/s3/aws4_request`;
  const text = [algorithm, dateTime, scope, sha256Hex(canonical)].join('\n');
  const key = signingKey(secret, claim.date, claim.region);
  if (!sameText(hmacHex(key, text), claim.signature))
    throw new S3Error('SignatureDoesNotMatch', undefined, {
      AWSAccessKeyId: claim.access,
      StringToSign: text,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  return { signature: claim.signature, dateTime, scope, key };
}

function payloadOf(line: string, seed: ReturnType<typeof prove>): Payload {
  if (/^[0-9a-f]{64}$/.test(line)) return { kind: 'hashed', sha256: line };
  switch (line) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'plain' };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', hasTrailer: false, seed };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', hasTrailer: true, seed };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', hasTrailer: true, seed: undefined };
    default:
      throw new S3Error('InvalidRequest', 'The value of x-amz-content-sha256 is not one that is supported.');
  }
}

/** Signature version 4 in the Authorization header. @throws {S3Error} */
export function sigV4Header(request: SignedRequest, authorization: string, options: SigV4Options): SigV4 {
  const claim = headerClaim(authorization);
  const { headers } = request;
  const given = headers.get('x-amz-date');
  const time = given === undefined ? Date.parse(headers.get('date') ?? '') : parseBasicTime(given);
  return {
    access: claim.access,
    verify(secret) {
      if (time === undefined || Number.isNaN(time))
        throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
      if (Math.abs(time - options.now) > skewMs) throw skewed(time, options.now);
      const dateTime = given ?? basicTime(time);
      if (!dateTime.startsWith(claim.date))
        throw new S3Error(
          'AuthorizationHeaderMalformed',
          'The date in the credential scope is not that of the request.',
        );
      checkRegion(claim, options.onlyRegion);
      const line = headers.get('x-amz-content-sha256');
      if (line === undefined)
        throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
      checkCovered(request, claim);
      return payloadOf(line, prove(request, claim, secret, dateTime, line));
    },
  };
}

const queryError = (message: string) => new S3Error('AuthorizationQueryParametersError', message);

/** Signature version 4 in the query. @throws {S3Error} */
export function sigV4Presigned(request: SignedRequest, options: SigV4Options): SigV4 {
  const get = (name: string) => parameter(request.target.query, name);
  const credential = parseCredential(get('x-amz-credential'));
  const signedHeaders = get('x-amz-signedheaders')?.toLowerCase().split(';') ?? [];
  const signature = get('x-amz-signature') ?? '';
  const dateTime = get('x-amz-date') ?? '';
  const time = parseBasicTime(dateTime);
  const expires = get('x-amz-expires') ?? '';
  if (get('x-amz-algorithm') !== algorithm) throw queryError(`X-Amz-Algorithm only supports "${algorithm}"`);
  if (!credential) throw queryError('Error parsing the X-Amz-Credential parameter');
  if (!/^[0-9a-f]{64}$/.test(signature)) throw queryError('X-Amz-Signature must be 64 hexadecimal digits');
  if (time === undefined || !dateTime.startsWith(credential.date))
    throw queryError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  if (!/^-?\d{1,12}$/.test(expires)) throw queryError('X-Amz-Expires should be a number');
  const claim = { ...credential, signedHeaders, signature };
  return {
    access: claim.access,
    verify(secret) {
      const seconds = Number(expires);
      if (seconds < 1 || seconds > weekSeconds)
        throw new S3Error('AccessDenied', 'X-Amz-Expires must be between 1 and 604800 seconds');
      if (options.now < time - skewMs) throw new S3Error('AccessDenied', 'Request is not yet valid');
      if (options.now > time + seconds * 1000)
        throw new S3Error('AccessDenied', 'Request has expired', {
          Expires: new Date(time + seconds * 1000).toISOString(),
          ServerTime: new Date(options.now).toISOString(),
        });
      checkRegion(claim, options.onlyRegion);
      checkCovered(request, claim);
      const line =
        get('x-amz-content-sha256') ?? request.headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD';
      return payloadOf(line, prove(request, claim, secret, dateTime, line));
    },
  };
}
