import type { BucketObject, ObjectPart } from '@imageyard/core';
import { httpTime, xmlAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { vendorHeader } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { checksumKinds } from '../checksum/algorithms.ts';
import { S3Error } from '../errors.ts';
import { pageLimit, readCount } from '../listing.ts';
import { shownStorageClass } from '../storage-class.ts';
import { judgeVersionId } from '../version.ts';
import { element } from '../xml/write.ts';
import type { Element } from '../xml/write.ts';

const known = new Set(['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']);

/** @throws {S3Error} InvalidArgument */
function wantedAttributes(call: BucketCall): Set<string> {
  const names = (vendorHeader(call, 'object-attributes') ?? '').split(',').map((name) => name.trim());
  if (names.some((name) => !known.has(name)))
    throw new S3Error('InvalidArgument', 'Invalid attribute name specified.', {
      ArgumentName: 'x-amz-object-attributes',
    });
  return new Set(names);
}

function checksumElement({ checksum }: BucketObject): Element | undefined {
  if (!checksum) return undefined;
  // S3 shows a composite value here with its count of parts, as everywhere.
  return element('Checksum', [
    element(checksumKinds[checksum.algorithm].element, checksum.value),
    element('ChecksumType', checksum.type),
  ]);
}

function partElement(object: BucketObject, part: ObjectPart): Element {
  const { checksum } = object;
  return element('Part', [
    element('PartNumber', part.ordinal),
    element('Size', part.sizeBytes),
    checksum && part.checksum !== undefined
      ? element(checksumKinds[checksum.algorithm].element, part.checksum)
      : undefined,
  ]);
}

/** The parts of a multipart object; those uploaded without a checksum are only counted, as in S3. */
async function partsElement(call: BucketCall, object: BucketObject): Promise<Element | undefined> {
  const count = object.partCount;
  if (count === undefined) return undefined;
  const marker = readCount(vendorHeader(call, 'part-number-marker'), 'part-number-marker', 10_000, 0);
  const limit = readCount(vendorHeader(call, 'max-parts'), 'max-parts', pageLimit);
  const shown = object.checksum ? await call.core.buckets.parts(object, marker, limit) : [];
  const last = Math.min(marker + limit, count);
  return element('ObjectParts', [
    element('PartsCount', count),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', last),
    element('MaxParts', limit),
    element('IsTruncated', last < count),
    ...shown.map((part) => partElement(object, part)),
  ]);
}

/** `GET /{bucket}/{key}?attributes` */
export async function objectAttributes(call: BucketCall): Promise<Answer> {
  judgeVersionId(call);
  const wanted = wantedAttributes(call);
  const object = await call.core.buckets.head(call.bucket, call.target.key);
  return xmlAnswer(
    call.dialect,
    'GetObjectAttributesResponse',
    [
      wanted.has('ETag') ? element('ETag', object.etag) : undefined,
      wanted.has('Checksum') ? checksumElement(object) : undefined,
      wanted.has('ObjectParts') ? await partsElement(call, object) : undefined,
      wanted.has('StorageClass')
        ? element('StorageClass', shownStorageClass(call.dialect, object.storageClass))
        : undefined,
      wanted.has('ObjectSize') ? element('ObjectSize', object.sizeBytes) : undefined,
    ],
    { 'last-modified': httpTime(object.createdAt) },
  );
}
