import type { ObjectFacts } from '@imageyard/core';
import { vendorHeader } from './call.ts';
import type { Call } from './call.ts';
import { S3Error } from './errors.ts';
import { prefixOf } from './headers.ts';
import { parseStorageClass } from './storage-class.ts';

const storedHeaders = ['cache-control', 'content-disposition', 'content-language', 'expires'] as const;
const metadataLimitBytes = 2048;

const cannedAcls = new Set([
  'public-read',
  'public-read-write',
  'authenticated-read',
  'bucket-owner-read',
  'aws-exec-read',
  'log-delivery-write',
  'public-read-delivered',
  'public-read-write-delivered',
]);

/** A canned ACL that says what is true anyway: the owner's alone. @throws {S3Error} */
export function judgeCannedAcl(acl: string | undefined): void {
  if (acl === undefined || acl === 'private' || acl === 'bucket-owner-full-control') return;
  if (cannedAcls.has(acl))
    throw new S3Error('NotImplemented', `The ACL ${acl} is not supported; only private is.`);
  throw new S3Error('InvalidArgument', undefined, { ArgumentName: 'x-amz-acl', ArgumentValue: acl });
}

const unsupported = [
  'server-side-encryption',
  'copy-source-server-side-encryption',
  'object-lock-',
  'grant-',
];

/** Nothing is pretended: a write that asks for what we don't do is refused. @throws {S3Error} NotImplemented */
export function judgeWriteHeaders(call: Pick<Call, 'dialect' | 'headers'>): void {
  judgeCannedAcl(vendorHeader(call, 'acl'));
  const prefix = prefixOf(call.dialect);
  for (const name of unsupported) {
    const [found] = call.headers.startingWith(prefix + name)[0] ?? [];
    if (found !== undefined) throw new S3Error('NotImplemented', undefined, { Header: found });
  }
  for (const name of ['tagging', 'website-redirect-location'])
    if (vendorHeader(call, name)) throw new S3Error('NotImplemented', undefined, { Header: prefix + name });
}

/** Framing is no property of the object. */
function contentEncoding(text: string | undefined): string | undefined {
  const tokens = text?.split(',') ?? [];
  const kept = tokens.filter((token) => token.trim().toLowerCase() !== 'aws-chunked');
  return kept.join(',').trim() || undefined;
}

/** User metadata of the request. @throws {S3Error} MetadataTooLarge */
function metadataOf(call: Pick<Call, 'dialect' | 'headers'>): Record<string, string> {
  const prefix = `${prefixOf(call.dialect)}meta-`;
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of call.headers.startingWith(prefix)) {
    const short = name.slice(prefix.length);
    metadata[short] = value;
    bytes += short.length + value.length;
  }
  if (bytes > metadataLimitBytes)
    throw new S3Error('MetadataTooLarge', undefined, {
      Size: String(bytes),
      MaxSizeAllowed: String(metadataLimitBytes),
    });
  return metadata;
}

/** What a request says about the object it makes. @throws {S3Error} */
export function factsOf(call: Pick<Call, 'dialect' | 'headers'>): ObjectFacts {
  const headers: Record<string, string> = {
    'content-type': call.headers.get('content-type') || 'binary/octet-stream',
  };
  for (const name of storedHeaders) {
    const value = call.headers.get(name);
    if (value !== undefined) headers[name] = value;
  }
  const encoding = contentEncoding(call.headers.get('content-encoding'));
  if (encoding !== undefined) headers['content-encoding'] = encoding;
  return {
    headers,
    metadata: metadataOf(call),
    storageClass: parseStorageClass(vendorHeader(call, 'storage-class')),
  };
}
