import { createHmac } from 'node:crypto';
import { S3Error } from '../errors.ts';
import { prefixOf } from '../headers.ts';
import type { DialectName } from '../headers.ts';
import { parameter, sameText } from './signed-request.ts';
import type { Payload, SignedRequest } from './signed-request.ts';
import { skewMs, skewed } from './sigv4.ts';

/** Sub-resources that signature version 2 covers, S3's and OBS's in one list: OBS clients sign both. */
const signedParameters = new Set(
  (
    'accelerate acl analytics append attname backtosource CDNNotifyConfiguration cors customdomain ' +
    'defaultObjectAcl delete deletebucket directcoldaccess encryption inventory length lifecycle location ' +
    'logging metadata metrics mirrorBackToSource modify name notification obscompresspolicy object-lock ' +
    'partNumber policy position quota rename replication requestPayment response-cache-control ' +
    'response-content-disposition response-content-encoding response-content-language ' +
    'response-content-type response-expires restore retention storageClass storagePolicy storageinfo ' +
    'tagging torrent truncate uploadId uploads versionId versioning versions website'
  ).split(' '),
);

function canonicalParameters(request: SignedRequest, dialect: DialectName): string {
  const prefix = prefixOf(dialect);
  const signed = request.target.query
    .filter(
      ({ name }) =>
        signedParameters.has(name) || /^x-obs-/i.test(name) || name.toLowerCase().startsWith(prefix),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, value }) => (value === '' ? name : `${name}=${value}`));
  return signed.length === 0 ? '' : `?${signed.join('&')}`;
}

/**
 * What signature version 2 and OBS sign.
 * @param dateLine empty when the date stands among the vendor's headers
 */
export function stringToSign(
  request: SignedRequest,
  dialect: DialectName,
  dateLine: string,
  resource = resourceOf(request),
): string {
  const { method, headers } = request;
  const vendor = headers
    .startingWith(prefixOf(dialect))
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  return (
    `${method}\n${headers.get('content-md5') ?? ''}\n${headers.get('content-type') ?? ''}\n${dateLine}\n` +
    `${vendor}${resource}${canonicalParameters(request, dialect)}`
  );
}

/** The path as sent, behind the bucket when that came from the host. */
function resourceOf({ target }: SignedRequest): string {
  return target.hostBucket === undefined ? target.rawPath : `/${target.hostBucket}${target.rawPath}`;
}

export interface SigV2 {
  readonly access: string;
  verify(secret: string): Payload;
}

/** Base64 HMAC-SHA1; header values are Latin-1. */
export const signV2 = (secret: string, text: string): string =>
  createHmac('sha1', secret).update(Buffer.from(text, 'latin1')).digest('base64');

function prove(
  request: SignedRequest,
  dialect: DialectName,
  claim: { access: string; signature: string; secret: string; dateLine: string },
): Payload {
  const resource = resourceOf(request);
  const resources = [resource];
  // In path style OBS clients sign a bucket with and without the slash.
  const isBareBucket = request.target.hostBucket === undefined && request.target.key === '';
  if (isBareBucket && resource !== '/')
    resources.push(resource.endsWith('/') ? resource.slice(0, -1) : `${resource}/`);
  const texts = resources.map((path) => stringToSign(request, dialect, claim.dateLine, path));
  if (texts.some((text) => sameText(signV2(claim.secret, text), claim.signature))) return { kind: 'plain' };
  throw new S3Error('SignatureDoesNotMatch', undefined, {
    AWSAccessKeyId: claim.access,
    StringToSign: texts[0]!,
    SignatureProvided: claim.signature,
  });
}

/** `AWS ak:signature` or `OBS ak:signature`. @throws {S3Error} */
export function sigV2Header(
  request: SignedRequest,
  authorization: string,
  dialect: DialectName,
  now: number,
): SigV2 {
  const match = /^(?:AWS|OBS) ([^:\s]+):(\S+)$/.exec(authorization);
  if (!match) throw new S3Error('AccessDenied', 'The Authorization header is malformed.');
  const [, access, signature] = match as unknown as [string, string, string];
  return {
    access,
    verify(secret) {
      const vendorDate = request.headers.get(`${prefixOf(dialect)}date`);
      const date = vendorDate ?? request.headers.get('date');
      const time = parseDate(date ?? '');
      // A date before 1970 is no date either.
      if (date === undefined || Number.isNaN(time) || time < 0)
        throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
      if (Math.abs(time - now) > skewMs) throw skewed(time, now);
      const dateLine = vendorDate === undefined ? date : '';
      return prove(request, dialect, { access, signature, secret, dateLine });
    },
  };
}

/** RFC 1123, or the basic form that signature version 4 uses. */
function parseDate(text: string): number {
  const basic = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(basic);
}

/** Signature, access key and expiry in the query. @throws {S3Error} */
export function sigV2Presigned(request: SignedRequest, dialect: DialectName, now: number): SigV2 {
  const { query } = request.target;
  const access = parameter(query, dialect === 'obs' ? 'accesskeyid' : 'awsaccesskeyid') ?? '';
  const signature = parameter(query, 'signature') ?? '';
  const expires = parameter(query, 'expires') ?? '';
  return {
    access,
    verify(secret) {
      if (!/^\d{1,12}$/.test(expires))
        throw new S3Error('AccessDenied', 'Invalid date (should be seconds since epoch)');
      if (Number(expires) * 1000 < now)
        throw new S3Error('AccessDenied', 'Request has expired', {
          Expires: new Date(Number(expires) * 1000).toISOString(),
          ServerTime: new Date(now).toISOString(),
        });
      return prove(request, dialect, { access, signature, secret, dateLine: expires });
    },
  };
}
