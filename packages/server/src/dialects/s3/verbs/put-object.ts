import { judgeConditions } from '@imageyard/core';
import type { ObjectChecksum, WriteConditions } from '@imageyard/core';
import { emptyAnswer, quoted } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { checksumKind } from '../checksum/algorithms.ts';
import { judgeUpload, receiveUpload } from '../body/receive.ts';
import type { UploadRequest } from '../body/receive.ts';
import type { BucketCall } from '../call.ts';
import { vendorHeader } from '../call.ts';
import { writeConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { factsOf, judgeWriteHeaders } from '../facts.ts';

/** `x-amz-checksum-*` of an answer. */
export const checksumHeaders = (
  checksum: Pick<ObjectChecksum, 'algorithm' | 'value'> | undefined,
): Record<string, string> => (checksum ? { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value } : {});

/** What holds at publish is judged before the body is asked for as well. */
async function judgeEarly(call: BucketCall, conditions: WriteConditions): Promise<void> {
  if (conditions.ifMatch === undefined && conditions.ifNoneMatch === undefined) return;
  const { key } = call.target;
  judgeConditions(key, await call.core.buckets.find(call.bucket, key), conditions);
}

/** A checksum that the client wants computed although it sends none. */
export function wantedChecksum(call: BucketCall): UploadRequest['wanted'] {
  const name = vendorHeader(call, 'checksum-algorithm');
  if (name === undefined) return undefined;
  const kind = checksumKind(name);
  if (!kind) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  return kind.algorithm;
}

/** `PUT /{bucket}/{key}` */
export async function putObject(call: BucketCall): Promise<Answer> {
  judgeWriteHeaders(call);
  const facts = factsOf(call);
  const conditions = writeConditions(call.headers);
  const upload: UploadRequest = { ...call, wanted: wantedChecksum(call) };
  judgeUpload(upload);
  await judgeEarly(call, conditions);
  const { blob, checksum } = await receiveUpload(call.core.blobs, upload);
  const object = await call.core.buckets.put(call.bucket, call.target.key, blob, facts, {
    conditions,
    checksum: checksum && { ...checksum, type: 'FULL_OBJECT' },
  });
  return emptyAnswer(200, {
    etag: quoted(object.etag),
    ...checksumHeaders(checksum),
    'x-amz-checksum-type': checksum && 'FULL_OBJECT',
  });
}
