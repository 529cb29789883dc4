import type { ObjectFacts } from '@imageyard/core';
import { quoted, xmlAnswer, xmlTime } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { uploadLimitBytes } from '../body/receive.ts';
import type { BucketCall } from '../call.ts';
import { checksumKinds } from '../checksum/algorithms.ts';
import { writeConditions } from '../conditions.ts';
import { copySource, isReplacing } from '../copy-source.ts';
import { S3Error } from '../errors.ts';
import { factsOf, judgeWriteHeaders } from '../facts.ts';
import { element } from '../xml/write.ts';

/** `PUT /{bucket}/{key}` with a copy source: a new reference to the same bytes, whatever their size. */
export async function copyObject(call: BucketCall): Promise<Answer> {
  judgeWriteHeaders(call);
  const replaces = isReplacing(call);
  const asked = factsOf(call);
  const source = await copySource(call);
  const { bucket, target, core } = call;
  const isItself = source.bucket === bucket.name && source.key === target.key;
  if (isItself && !replaces && (asked.storageClass ?? source.storageClass) === source.storageClass)
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  if (source.sizeBytes > uploadLimitBytes)
    throw new S3Error(
      'InvalidRequest',
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  const facts: ObjectFacts = replaces
    ? asked
    : { headers: source.headers, metadata: source.metadata, storageClass: asked.storageClass };
  // A composite checksum tells of parts that the copy doesn't have.
  const checksum = source.checksum?.type === 'FULL_OBJECT' ? source.checksum : undefined;
  const made = await core.buckets.copy(source, bucket, target.key, facts, {
    conditions: writeConditions(call.headers),
    checksum,
  });
  return xmlAnswer(call.dialect, 'CopyObjectResult', [
    element('LastModified', xmlTime(made.createdAt)),
    element('ETag', quoted(made.etag)),
    checksum && element(checksumKinds[checksum.algorithm].element, checksum.value),
    checksum && element('ChecksumType', checksum.type),
  ]);
}
