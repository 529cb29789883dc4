import type { Upload } from '@imageyard/core';
import { quoted, xmlAnswer, xmlTime } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { query } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { checksumKinds } from '../checksum/algorithms.ts';
import { commonPrefixes, itemsOf, nameEncoding, pageLimit, readCount } from '../listing.ts';
import { ownerElement, ownerOf } from '../owner.ts';
import { shownStorageClass } from '../storage-class.ts';
import { element, optional } from '../xml/write.ts';
import type { Element } from '../xml/write.ts';
import { uploadOf } from './upload-part.ts';

/** Who began the upload, whose the object will be, and what is known of it. */
function uploadChildren(call: BucketCall, upload: Upload): (Element | undefined)[] {
  return [
    element('Initiator', [
      element('ID', upload.userId),
      call.dialect === 's3' ? element('DisplayName', upload.userName) : undefined,
    ]),
    ownerElement(call.dialect, ownerOf(call.bucket)),
    element('StorageClass', shownStorageClass(call.dialect, upload.storageClass)),
    upload.checksum && element('ChecksumAlgorithm', upload.checksum.algorithm.toUpperCase()),
    upload.checksum && element('ChecksumType', upload.checksum.type),
  ];
}

/** `GET /{bucket}?uploads` */
export async function listUploads(call: BucketCall): Promise<Answer> {
  const prefix = query(call, 'prefix') ?? '';
  const delimiter = query(call, 'delimiter') ?? '';
  const keyMarker = query(call, 'key-marker') ?? '';
  // Without a key an upload's id says nothing about a place.
  const idMarker = keyMarker === '' ? '' : (query(call, 'upload-id-marker') ?? '');
  const limit = readCount(query(call, 'max-uploads'), 'max-uploads', pageLimit);
  const names = nameEncoding(call);
  const page = await call.core.buckets.listUploads(call.bucket, {
    prefix,
    delimiter,
    limit,
    after: keyMarker,
    ...(idMarker === '' ? {} : { afterId: idMarker }),
  });
  const last = page.isTruncated ? page.entries.at(-1) : undefined;
  return xmlAnswer(call.dialect, 'ListMultipartUploadsResult', [
    element('Bucket', call.bucket.name),
    element('KeyMarker', names.write(keyMarker)),
    element('UploadIdMarker', idMarker),
    optional('NextKeyMarker', last && names.write(last.prefix ?? last.item.key)),
    optional('NextUploadIdMarker', last?.item?.id),
    element('Prefix', names.write(prefix)),
    optional('Delimiter', delimiter === '' ? undefined : names.write(delimiter)),
    optional('EncodingType', names.encoding),
    element('MaxUploads', limit),
    element('IsTruncated', page.isTruncated),
    ...itemsOf(page).map((upload) =>
      element('Upload', [
        element('Key', names.write(upload.key)),
        element('UploadId', upload.id),
        ...uploadChildren(call, upload),
        element('Initiated', xmlTime(upload.createdAt)),
      ]),
    ),
    ...commonPrefixes(page, names),
  ]);
}

/** `GET /{bucket}/{key}?uploadId` */
export async function listParts(call: BucketCall): Promise<Answer> {
  const upload = await uploadOf(call);
  const marker = readCount(query(call, 'part-number-marker'), 'part-number-marker', 10_000, 0);
  const limit = readCount(query(call, 'max-parts'), 'max-parts', pageLimit);
  const { parts, isTruncated } = await call.core.buckets.listParts(upload, marker, limit);
  const checksumElement = upload.checksum && checksumKinds[upload.checksum.algorithm].element;
  const names = nameEncoding(call);
  return xmlAnswer(call.dialect, 'ListPartsResult', [
    element('Bucket', call.bucket.name),
    element('Key', names.write(upload.key)),
    optional('EncodingType', names.encoding),
    element('UploadId', upload.id),
    ...uploadChildren(call, upload),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', parts.at(-1)?.partNumber ?? marker),
    element('MaxParts', limit),
    element('IsTruncated', isTruncated),
    ...parts.map((part) =>
      element('Part', [
        element('PartNumber', part.partNumber),
        element('LastModified', xmlTime(part.createdAt)),
        element('ETag', quoted(part.md5)),
        checksumElement && part.checksum !== undefined ? element(checksumElement, part.checksum) : undefined,
        element('Size', part.sizeBytes),
      ]),
    ),
  ]);
}
