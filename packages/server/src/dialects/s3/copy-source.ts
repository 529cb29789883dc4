import type { BucketObject } from '@imageyard/core';
import { query, vendorHeader } from './call.ts';
import type { BucketCall, Call } from './call.ts';
import { judgeCopySource, readConditions } from './conditions.ts';
import { S3Error } from './errors.ts';
import { judgeExpectedOwner } from './owner.ts';
import { prefixOf } from './headers.ts';
import { judgeVersion } from './version.ts';

/** Does this PUT copy rather than send? */
export const isCopy = (call: Pick<Call, 'dialect' | 'headers'>): boolean =>
  vendorHeader(call, 'copy-source') !== undefined;

/**
 * `bucket/key`, `/bucket/key` or `bucket%2Fkey`, decoded once, plus is plus; with `?versionId=` or not.
 * @throws {S3Error} InvalidArgument
 */
export function parseCopySource(header: string): {
  bucket: string;
  key: string;
  version: string | undefined;
} {
  const [, path = '', version] = /^(.*?)(?:\?versionId=([^?]*))?$/s.exec(header) ?? [];
  let text: string;
  try {
    // Bytes that should have been encoded come as Latin-1 characters.
    text = decodeURIComponent(path.replace(/[\u0080-\u00ff]/g, (c) => `%${c.charCodeAt(0).toString(16)}`));
  } catch {
    throw new S3Error('InvalidArgument', 'Invalid copy source encoding.');
  }
  text = text.replace(/^\//, '');
  const slash = text.indexOf('/');
  if (slash < 1 || slash === text.length - 1 || text.includes('\0'))
    throw new S3Error('InvalidArgument', 'Invalid copy source object key');
  return { bucket: text.slice(0, slash), key: text.slice(slash + 1), version };
}

/**
 * The object that a copy reads: in a bucket that the caller may read, and as its conditions want it.
 * @throws {S3Error} InvalidArgument, NoSuchVersion, PreconditionFailed
 * @throws {DomainError} `bucket-not-found`, `not-authorized`, `object-not-found`
 */
export async function copySource(call: BucketCall): Promise<BucketObject> {
  const source = parseCopySource(vendorHeader(call, 'copy-source') ?? '');
  const { buckets } = call.core;
  const bucket = await buckets.open(call.actor, source.bucket, 'bucket-read');
  judgeExpectedOwner(bucket, vendorHeader(call, 'source-expected-bucket-owner'));
  judgeVersion(source.version);
  const object = await buckets.head(bucket, source.key);
  judgeCopySource(object, readConditions(call.headers, `${prefixOf(call.dialect)}copy-source-`));
  return object;
}

/** `bytes=a-b` of a part copy. @throws {S3Error} InvalidArgument, InvalidRange */
export function copyRange(
  call: BucketCall,
  source: BucketObject,
): { start: number; end: number } | undefined {
  const header = vendorHeader(call, 'copy-source-range');
  if (header === undefined) return undefined;
  const match = /^bytes=(\d{1,16})-(\d{1,16})$/.exec(header.trim());
  const [start, last] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || start > last)
    throw new S3Error(
      'InvalidArgument',
      'The x-amz-copy-source-range value must be of the form bytes=first-last',
      {
        ArgumentName: 'x-amz-copy-source-range',
        ArgumentValue: header,
      },
    );
  if (last >= source.sizeBytes)
    throw new S3Error('InvalidRange', undefined, {
      RangeRequested: header,
      ActualObjectSize: String(source.sizeBytes),
    });
  return { start, end: last + 1 };
}

export const isReplacing = (call: BucketCall): boolean => {
  const directive = vendorHeader(call, 'metadata-directive') ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new S3Error('InvalidArgument', 'Unknown metadata directive.', {
      ArgumentName: 'x-amz-metadata-directive',
      ArgumentValue: directive,
    });
  return directive === 'REPLACE';
};

export const partNumberOf = (call: BucketCall): number => {
  const text = query(call, 'partNumber') ?? '';
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 10_000)
    throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
      ArgumentName: 'partNumber',
      ArgumentValue: text,
    });
  return number;
};
