import type {
  ChecksumAlgorithm,
  ChecksumType,
  NamedPart,
  ObjectChecksum,
  Upload,
  UploadPart,
} from '@imageyard/core';
import { emptyAnswer, quoted, unquoted, xmlAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { encodeRfc3986 } from '../auth/sigv4-canonical.ts';
import { readDocument } from '../body/document.ts';
import { query, vendorHeader } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { checksumKind, checksumKinds } from '../checksum/algorithms.ts';
import { multipartChecksum } from '../checksum/multipart.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { factsOf, judgeWriteHeaders } from '../facts.ts';
import { Headers } from '../headers.ts';
import { allOf, readXml, textOf } from '../xml/read.ts';
import type { Read } from '../xml/read.ts';
import { element } from '../xml/write.ts';
import { uploadOf } from './upload-part.ts';

const documentLimitBytes = 4 * 1024 * 1024;
const mostParts = 10_000;
const MiB = 1024 * 1024;
/** Least bytes of every part but the last. */
const leastPartBytes = { s3: 5 * MiB, obs: 100 * 1024 } as const;

/** The checksum that the object shall have. @throws {S3Error} InvalidRequest */
function chosenChecksum(call: BucketCall): { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined {
  const name = vendorHeader(call, 'checksum-algorithm');
  const type = vendorHeader(call, 'checksum-type')?.toUpperCase();
  if (name === undefined) {
    if (type !== undefined)
      throw new S3Error(
        'InvalidRequest',
        'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
      );
    return undefined;
  }
  const kind = checksumKind(name);
  if (!kind) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  const wanted = (type ?? kind.multipart) as ChecksumType;
  if (!kind.allowed.includes(wanted))
    throw new S3Error(
      'InvalidRequest',
      `The ${wanted} checksum type cannot be used with the ${kind.algorithm} checksum algorithm.`,
    );
  return { algorithm: kind.algorithm, type: wanted };
}

/** `POST /{bucket}/{key}?uploads` */
export async function createUpload(call: BucketCall): Promise<Answer> {
  judgeWriteHeaders(call);
  const checksum = chosenChecksum(call);
  const { actor, bucket, target, core, dialect } = call;
  const upload = await core.buckets.createUpload(actor, bucket, target.key, factsOf(call), checksum);
  return xmlAnswer(
    dialect,
    'InitiateMultipartUploadResult',
    [element('Bucket', bucket.name), element('Key', target.key), element('UploadId', upload.id)],
    {
      'x-amz-checksum-algorithm': checksum?.algorithm.toUpperCase(),
      'x-amz-checksum-type': checksum?.type,
    },
  );
}

function namedPart(node: Read): NamedPart & { algorithm: ChecksumAlgorithm | undefined } {
  const number = textOf(node, 'PartNumber') ?? '';
  const etag = textOf(node, 'ETag');
  if (!/^\d{1,9}$/.test(number) || etag === undefined) throw new S3Error('MalformedXML');
  const given = Object.values(checksumKinds).filter((kind) => textOf(node, kind.element) !== undefined);
  if (given.length > 1) throw new S3Error('InvalidRequest', 'A part can have one checksum only.');
  return {
    partNumber: Number(number),
    etag: unquoted(etag),
    checksum: given[0] && textOf(node, given[0].element),
    algorithm: given[0]?.algorithm,
  };
}

/** What a Complete claims about the whole. */
function judgeClaim(
  headers: Headers,
  upload: Upload,
  made: ObjectChecksum | undefined,
  partCount: number,
): void {
  const type = headers.get('x-amz-checksum-type')?.toUpperCase();
  if (type !== undefined && type !== upload.checksum?.type)
    throw new S3Error('InvalidRequest', 'The checksum type is not that of the upload.');
  const [given] = headers
    .startingWith('x-amz-checksum-')
    .filter(([name]) => !/-(?:algorithm|type|mode)$/.test(name));
  if (!given) return;
  const algorithm = given[0].slice('x-amz-checksum-'.length);
  if (!made || algorithm !== made.algorithm)
    throw new S3Error('InvalidRequest', 'The upload was created without this checksum algorithm.');
  const value = given[1].trim();
  if (value !== made.value && !(made.type === 'COMPOSITE' && `${value}-${partCount}` === made.value))
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
}

/** Length of the whole, if announced. @throws {S3Error} InvalidRequest */
function announcedSize(headers: Headers): number | undefined {
  const text = headers.get('x-amz-mp-object-size');
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new S3Error('InvalidRequest', 'x-amz-mp-object-size is not a number.');
  return Number(text);
}

/** `POST /{bucket}/{key}?uploadId` */
export async function completeUpload(call: BucketCall): Promise<Answer> {
  const { bucket, target, core, dialect, headers } = call;
  // Its checksum headers speak of the object, not of this document.
  const own = new Headers(headers.startingWith('').filter(([name]) => !name.startsWith('x-amz-checksum-')));
  const root = await readXml(await readDocument({ ...call, headers: own, limitBytes: documentLimitBytes }));
  // Of a part that was sent twice and is named twice in a row, the last counts.
  const parts = allOf(root, 'Part')
    .map(namedPart)
    .filter((part, index, all) => part.partNumber !== all[index + 1]?.partNumber);
  if (root.name !== 'CompleteMultipartUpload' || parts.length === 0 || parts.length > mostParts)
    throw new S3Error('MalformedXML');
  const judge = (upload: Upload, chosen: readonly UploadPart[]): ObjectChecksum | undefined => {
    const wrong = parts.find(
      (part) => part.algorithm !== undefined && part.algorithm !== upload.checksum?.algorithm,
    );
    if (wrong && upload.checksum) throw new S3Error('InvalidPart');
    const made = upload.checksum && multipartChecksum(upload.checksum, chosen);
    judgeClaim(headers, upload, made, chosen.length);
    return made;
  };
  const size = announcedSize(headers);
  const object = await core.buckets.completeUpload(bucket, target.key, query(call, 'uploadId') ?? '', parts, {
    conditions: writeConditions(headers),
    leastPartBytes: leastPartBytes[dialect],
    expectedBytes: size,
    judge,
  });
  const path = `${target.hostBucket === undefined ? `/${bucket.name}` : ''}/${encodeRfc3986(object.key).replaceAll('%2F', '/')}`;
  const { checksum } = object;
  return xmlAnswer(dialect, 'CompleteMultipartUploadResult', [
    element('Location', `${call.baseUrl}${path}`),
    element('Bucket', bucket.name),
    element('Key', object.key),
    element('ETag', quoted(object.etag)),
    checksum && element(checksumKinds[checksum.algorithm].element, checksum.value),
    checksum && element('ChecksumType', checksum.type),
  ]);
}

/** `DELETE /{bucket}/{key}?uploadId` */
export async function abortUpload(call: BucketCall): Promise<Answer> {
  await call.core.buckets.abortUpload(await uploadOf(call));
  return emptyAnswer(204);
}
