import type { Page } from '@imageyard/core';
import { encodeRfc3986 } from './auth/sigv4-canonical.ts';
import { query } from './call.ts';
import type { Call } from './call.ts';
import { S3Error } from './errors.ts';
import { element } from './xml/write.ts';
import type { Element } from './xml/write.ts';

/** Most rows of a page. */
export const pageLimit = 1000;

/** A count in the query, cut to `most`. @throws {S3Error} InvalidArgument */
export function readCount(text: string | undefined, name: string, most: number, fallback = most): number {
  if (text === undefined || text === '') return fallback;
  if (!/^\d{1,10}$/.test(text))
    throw new S3Error('InvalidArgument', `Provided ${name} not an integer or within integer range`, {
      ArgumentName: name,
      ArgumentValue: text,
    });
  return Math.min(Number(text), most);
}

/** An opaque token for "after this key". */
export const pageToken = (key: string): string => Buffer.from(`1${key}`).toString('base64url');

/** @throws {S3Error} InvalidArgument */
export function readPageToken(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  const text = bytes.toString('utf8');
  if (!text.startsWith('1') || bytes.toString('base64url') !== token || !Buffer.from(text).equals(bytes))
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
      ArgumentName: 'continuation-token',
    });
  return text.slice(1);
}

/** How names are written into a listing. */
export interface NameEncoding {
  readonly encoding: 'url' | undefined;
  write(name: string): string;
}

/** @throws {S3Error} InvalidArgument */
export function nameEncoding(call: Pick<Call, 'target'>): NameEncoding {
  const encoding = query(call, 'encoding-type');
  if (encoding === undefined || encoding === '') return { encoding: undefined, write: (name) => name };
  if (encoding !== 'url')
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      ArgumentName: 'encoding-type',
      ArgumentValue: encoding,
    });
  return { encoding, write: (name) => name.split('/').map(encodeRfc3986).join('/') };
}

/** `CommonPrefixes` of a page. */
export const commonPrefixes = (page: Page<unknown>, names: NameEncoding): Element[] =>
  page.entries.flatMap((entry) =>
    entry.prefix === undefined
      ? []
      : [element('CommonPrefixes', element('Prefix', names.write(entry.prefix)))],
  );

/** The items of a page without its prefixes. */
export const itemsOf = <T>(page: Page<T>): T[] =>
  page.entries.flatMap((entry) => (entry.prefix === undefined ? [entry.item] : []));
