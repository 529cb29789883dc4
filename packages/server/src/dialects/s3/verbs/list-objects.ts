import type { ListedObject, Page } from '@imageyard/core';
import { quoted, xmlAnswer, xmlTime } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { query } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { checksumKinds } from '../checksum/algorithms.ts';
import { S3Error } from '../errors.ts';
import {
  commonPrefixes,
  itemsOf,
  nameEncoding,
  pageLimit,
  pageToken,
  readCount,
  readPageToken,
} from '../listing.ts';
import type { NameEncoding } from '../listing.ts';
import { ownerElement, ownerOf } from '../owner.ts';
import { shownStorageClass } from '../storage-class.ts';
import { element, optional } from '../xml/write.ts';
import type { Element } from '../xml/write.ts';

interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly names: NameEncoding;
  readonly page: Page<ListedObject>;
  /** The last key or prefix of a page that is not the last. */
  readonly last: string | undefined;
}

/** One page of the bucket, as all three listings read it. */
async function listing(call: BucketCall, after: string): Promise<Listing> {
  const prefix = query(call, 'prefix') ?? '';
  const delimiter = query(call, 'delimiter') ?? '';
  const names = nameEncoding(call);
  const limit = readCount(query(call, 'max-keys'), 'maxKeys', pageLimit);
  const page = await call.core.buckets.list(call.bucket, { prefix, delimiter, after, limit });
  const end = page.entries.at(-1);
  return {
    prefix,
    delimiter,
    limit,
    names,
    page,
    last: page.isTruncated ? (end?.prefix ?? end?.item?.key) : undefined,
  };
}

function shared({ delimiter, limit, names, page }: Listing): (Element | undefined)[] {
  return [
    element('MaxKeys', limit),
    optional('Delimiter', delimiter === '' ? undefined : names.write(delimiter)),
    optional('EncodingType', names.encoding),
    element('IsTruncated', page.isTruncated),
  ];
}

function objectChildren(call: BucketCall, object: ListedObject): Element[] {
  const { checksum } = object;
  return [
    element('LastModified', xmlTime(object.createdAt)),
    element('ETag', quoted(object.etag)),
    ...(checksum
      ? [
          element('ChecksumAlgorithm', checksumKinds[checksum.algorithm].algorithm.toUpperCase()),
          element('ChecksumType', checksum.type),
        ]
      : []),
    element('Size', object.sizeBytes),
    element('StorageClass', shownStorageClass(call.dialect, object.storageClass)),
  ];
}

function contents(call: BucketCall, { page, names }: Listing, withOwner: boolean): Element[] {
  const owner = withOwner ? ownerElement(call.dialect, ownerOf(call.bucket)) : undefined;
  return itemsOf(page).map((object) =>
    element('Contents', [element('Key', names.write(object.key)), ...objectChildren(call, object), owner]),
  );
}

/** `GET /{bucket}` */
export async function listObjects(call: BucketCall): Promise<Answer> {
  const marker = query(call, 'marker') ?? '';
  const found = await listing(call, marker);
  const { names, last } = found;
  return xmlAnswer(call.dialect, 'ListBucketResult', [
    element('Name', call.bucket.name),
    element('Prefix', found.prefix), // as it is: clients of this version don't decode it
    element('Marker', names.write(marker)),
    optional('NextMarker', last === undefined ? undefined : names.write(last)),
    ...shared(found),
    ...contents(call, found, true),
    ...commonPrefixes(found.page, names),
  ]);
}

/** `GET /{bucket}?list-type=2` */
export async function listObjectsV2(call: BucketCall): Promise<Answer> {
  const token = query(call, 'continuation-token');
  const startAfter = query(call, 'start-after');
  const found = await listing(call, token ? readPageToken(token) : (startAfter ?? ''));
  const { names, page, last } = found;
  return xmlAnswer(call.dialect, 'ListBucketResult', [
    element('Name', call.bucket.name),
    element('Prefix', names.write(found.prefix)),
    ...shared(found),
    element('KeyCount', page.entries.length),
    optional('ContinuationToken', token),
    optional('NextContinuationToken', last === undefined ? undefined : pageToken(last)),
    optional('StartAfter', startAfter === undefined ? undefined : names.write(startAfter)),
    ...contents(call, found, query(call, 'fetch-owner') === 'true'),
    ...commonPrefixes(page, names),
  ]);
}

/** `GET /{bucket}?versions`: each object is its only version, `null`. */
export async function listVersions(call: BucketCall): Promise<Answer> {
  const marker = query(call, 'key-marker') ?? '';
  const versionMarker = query(call, 'version-id-marker') ?? '';
  if (versionMarker !== '' && marker === '')
    throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.');
  const found = await listing(call, marker);
  const { names, page, last } = found;
  const owner = ownerElement(call.dialect, ownerOf(call.bucket));
  return xmlAnswer(call.dialect, 'ListVersionsResult', [
    element('Name', call.bucket.name),
    element('Prefix', names.write(found.prefix)),
    element('KeyMarker', names.write(marker)),
    element('VersionIdMarker', versionMarker),
    optional('NextKeyMarker', last === undefined ? undefined : names.write(last)),
    optional('NextVersionIdMarker', last === undefined ? undefined : 'null'),
    ...shared(found),
    ...itemsOf(page).map((object) =>
      element('Version', [
        element('Key', names.write(object.key)),
        element('VersionId', 'null'),
        element('IsLatest', true),
        ...objectChildren(call, object),
        owner,
      ]),
    ),
    ...commonPrefixes(page, names),
  ]);
}
