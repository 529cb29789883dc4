import type { BucketObject, WriteConditions } from '@imageyard/core';
import { httpTime, quoted, unquoted } from './answer.ts';
import { S3Error } from './errors.ts';
import type { Headers } from './headers.ts';

/** ETags of a list, without quotes. */
const etagsOf = (text: string): string[] => text.split(',').map(unquoted);

/** Conditions on a write; they hold at publish. */
export function writeConditions(headers: Headers): WriteConditions {
  const ifMatch = headers.get('if-match');
  const ifNoneMatch = headers.get('if-none-match');
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: etagsOf(ifNoneMatch) }),
  };
}

/** The four conditions that reads and copies know. */
export interface ReadConditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

export const readConditions = (headers: Headers, prefix = ''): ReadConditions => ({
  ifMatch: headers.get(`${prefix}if-match`),
  ifNoneMatch: headers.get(`${prefix}if-none-match`),
  ifModifiedSince: headers.get(`${prefix}if-modified-since`),
  ifUnmodifiedSince: headers.get(`${prefix}if-unmodified-since`),
});

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** Is the object newer than the date? Undefined when it is no date. */
function isNewer(object: BucketObject, date: string): boolean | undefined {
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : wholeSeconds(object.createdAt) > time;
}

const matches = (etag: string, text: string): boolean =>
  etagsOf(text).some((candidate) => candidate === '*' || candidate === etag);

/**
 * Judge an object by a request's conditions; a date counts only where its ETag companion is absent.
 * @returns `not-modified` when there is nothing new to send
 * @throws {S3Error} PreconditionFailed
 */
export function judgeRead(object: BucketObject, conditions: ReadConditions): 'send' | 'not-modified' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const failed = (condition: string) =>
    new S3Error('PreconditionFailed', undefined, { Condition: condition });
  if (ifMatch !== undefined) {
    if (!matches(object.etag, ifMatch)) throw failed('If-Match');
  } else if (ifUnmodifiedSince !== undefined && isNewer(object, ifUnmodifiedSince))
    throw failed('If-Unmodified-Since');
  if (ifNoneMatch !== undefined) return matches(object.etag, ifNoneMatch) ? 'not-modified' : 'send';
  if (ifModifiedSince !== undefined && isNewer(object, ifModifiedSince) === false) return 'not-modified';
  return 'send';
}

/** For copies every failing condition is a refusal. @throws {S3Error} PreconditionFailed */
export function judgeCopySource(object: BucketObject, conditions: ReadConditions): void {
  if (judgeRead(object, conditions) === 'not-modified')
    throw new S3Error('PreconditionFailed', undefined, {
      Condition: 'x-amz-copy-source-If-None-Match or x-amz-copy-source-If-Modified-Since',
    });
}

/** Headers that tell one generation from another. */
export const validators = (object: BucketObject): Record<string, string> => ({
  etag: quoted(object.etag),
  'last-modified': httpTime(object.createdAt),
});
