import type { BucketObject, ObjectPart } from '@imageyard/core';
import { emptyAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { query } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { judgeRead, readConditions, validators } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { prefixOf } from '../headers.ts';
import { contentRange, parseRange } from '../range.ts';
import type { ByteRange } from '../range.ts';
import { shownStorageClass } from '../storage-class.ts';
import { judgeVersionId } from '../version.ts';
import { checksumHeaders } from './put-object.ts';

const overrides = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
] as const;

/** Headers that the query puts in the place of the stored ones. @throws {S3Error} InvalidArgument */
function overridden(call: BucketCall): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of overrides) {
    const value = query(call, `response-${name}`);
    if (value === undefined) continue;
    // oxlint-disable-next-line no-control-regex -- these would end the header
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
      throw new S3Error('InvalidArgument', undefined, { ArgumentName: `response-${name}` });
    headers[name] = Buffer.from(value, 'utf8').toString('latin1');
  }
  return headers;
}

/** What of an object is asked for: all, a range, or one of its parts. */
interface Selection {
  readonly range: ByteRange | undefined;
  readonly part: ObjectPart | undefined;
  readonly partCount: number | undefined;
}

async function selectionOf(call: BucketCall, object: BucketObject): Promise<Selection> {
  const range = call.headers.get('range');
  const number = query(call, 'partNumber');
  if (number === undefined)
    return { range: parseRange(range, object.sizeBytes), part: undefined, partCount: undefined };
  if (range !== undefined)
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
  if (!/^\d{1,5}$/.test(number) || Number(number) < 1 || Number(number) > 10_000)
    throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
      ArgumentName: 'partNumber',
      ArgumentValue: number,
    });
  if (object.partCount === undefined && number === '1')
    return { range: undefined, part: undefined, partCount: undefined };
  const [part] = await call.core.buckets.parts(object, Number(number) - 1, 1);
  if (!part)
    throw new S3Error('InvalidPartNumber', undefined, {
      PartNumberRequested: number,
      ActualPartCount: String(object.partCount ?? 1),
    });
  return {
    range: { start: part.start, end: part.start + part.sizeBytes },
    part,
    partCount: object.partCount,
  };
}

/** The checksum of exactly what is sent, if it was asked for and is known. */
function sentChecksum(
  call: BucketCall,
  object: BucketObject,
  { range, part }: Selection,
): Record<string, string> {
  const isWanted = call.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  if (!isWanted || call.dialect !== 's3' || !object.checksum) return {};
  const { algorithm, type } = object.checksum;
  const value = part ? part.checksum : range ? undefined : object.checksum.value;
  return value === undefined ? {} : { ...checksumHeaders({ algorithm, value }), 'x-amz-checksum-type': type };
}

function describe(call: BucketCall, object: BucketObject): Record<string, string> {
  const { dialect } = call;
  const prefix = prefixOf(dialect);
  const headers: Record<string, string> = {
    ...object.headers,
    ...overridden(call),
    ...validators(object),
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(object.metadata)) headers[`${prefix}meta-${name}`] = value;
  if (object.storageClass !== 'STANDARD')
    headers[`${prefix}storage-class`] = shownStorageClass(dialect, object.storageClass);
  if (dialect === 'obs' && object.uploadId !== undefined) headers['x-obs-uploadId'] = object.uploadId;
  return headers;
}

/** `GET` and `HEAD /{bucket}/{key}` */
export async function getObject(call: BucketCall): Promise<Answer> {
  judgeVersionId(call);
  const { bucket, target, core } = call;
  const object = await core.buckets.head(bucket, target.key);
  if (judgeRead(object, readConditions(call.headers)) === 'not-modified')
    return emptyAnswer(304, validators(object));
  const selection = await selectionOf(call, object);
  const { range, partCount } = selection;
  const isPartial = range !== undefined;
  const headers = {
    ...describe(call, object),
    ...sentChecksum(call, object, selection),
    'content-range': isPartial && object.sizeBytes > 0 ? contentRange(range, object.sizeBytes) : undefined,
    'x-amz-mp-parts-count': partCount?.toString(),
  };
  const length = range ? range.end - range.start : object.sizeBytes;
  const status = isPartial ? 206 : 200;
  if (call.method === 'HEAD') return { status, headers, length };
  return { status, headers, length, body: await core.buckets.read(object, range, call.signal) };
}
