import type { Upload } from '@imageyard/core';
import { emptyAnswer, quoted, xmlAnswer, xmlTime } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { judgeUpload, receiveUpload, uploadLimitBytes } from '../body/receive.ts';
import type { UploadRequest } from '../body/receive.ts';
import { query } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { checksumKinds, startChecksum } from '../checksum/algorithms.ts';
import { copyRange, copySource, partNumberOf } from '../copy-source.ts';
import { S3Error } from '../errors.ts';
import { judgeWriteHeaders } from '../facts.ts';
import { element } from '../xml/write.ts';
import { checksumHeaders } from './put-object.ts';

export const uploadOf = (call: BucketCall): Promise<Upload> =>
  call.core.buckets.upload(call.bucket, call.target.key, query(call, 'uploadId') ?? '');

/** `PUT /{bucket}/{key}?partNumber&uploadId` */
export async function uploadPart(call: BucketCall): Promise<Answer> {
  const partNumber = partNumberOf(call);
  judgeWriteHeaders(call);
  const upload = await uploadOf(call);
  const declared = upload.checksum?.algorithm;
  const request: UploadRequest = { ...call, wanted: declared, isPart: true };
  const { claims } = judgeUpload(request);
  if (declared !== undefined && claims.checksum && claims.checksum.algorithm !== declared)
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${declared}, actual checksum Type: ${claims.checksum.algorithm}`,
    );
  const { blob, checksum } = await receiveUpload(call.core.blobs, request);
  const kept = declared === undefined ? undefined : checksum?.value;
  const part = await call.core.buckets.putPart(upload, partNumber, blob, kept);
  return emptyAnswer(200, { etag: quoted(part.md5), ...checksumHeaders(checksum) });
}

/** The same with a copy source: a part read from another object. */
export async function copyPart(call: BucketCall): Promise<Answer> {
  const partNumber = partNumberOf(call);
  const upload = await uploadOf(call);
  const source = await copySource(call);
  const range = copyRange(call, source) ?? { start: 0, end: source.sizeBytes };
  const length = range.end - range.start;
  if (length > uploadLimitBytes) throw new S3Error('EntityTooLarge');
  const algorithm = upload.checksum?.algorithm;
  const running = algorithm && (await startChecksum(algorithm));
  const { buckets, blobs } = call.core;
  const blob = await blobs.receive(await buckets.read(source, range, call.signal), {
    expectedBytes: length,
    limitBytes: uploadLimitBytes,
    signal: call.signal,
    hashes: ['md5'],
    ...(running ? { onChunk: (chunk) => running.update(chunk) } : {}),
  });
  const checksum = running?.digest();
  const part = await buckets.putPart(upload, partNumber, blob, checksum);
  return xmlAnswer(call.dialect, 'CopyPartResult', [
    element('LastModified', xmlTime(part.createdAt)),
    element('ETag', quoted(part.md5)),
    algorithm && checksum !== undefined ? element(checksumKinds[algorithm].element, checksum) : undefined,
  ]);
}
