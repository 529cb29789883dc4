import { keyLimitBytes } from '@imageyard/core';
import { emptyAnswer, xmlAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { readDocument } from '../body/document.ts';
import type { BucketCall } from '../call.ts';
import { S3Error } from '../errors.ts';
import { prefixOf } from '../headers.ts';
import { judgeVersionId } from '../version.ts';
import { allOf, rawTextOf, readXml, textOf } from '../xml/read.ts';
import type { Read } from '../xml/read.ts';
import { element, optional } from '../xml/write.ts';
import type { Element } from '../xml/write.ts';

const documentLimitBytes = 4 * 1024 * 1024;
const mostKeys = 1000;

/** `DELETE /{bucket}/{key}`: absent keys are deleted already. */
export async function deleteObject(call: BucketCall): Promise<Answer> {
  judgeVersionId(call);
  const conditional = [
    ...call.headers.startingWith('if-match'),
    ...call.headers.startingWith(`${prefixOf(call.dialect)}if-match-`),
  ];
  if (conditional.length > 0) throw new S3Error('NotImplemented', 'Conditional deletes are not supported.');
  await call.core.buckets.delete(call.bucket, [call.target.key]);
  return emptyAnswer(204);
}

interface Wish {
  readonly key: string;
  readonly version: string | undefined;
  /** Why it can't be done. */
  readonly refusal: readonly [code: string, message: string] | undefined;
}

function wishOf(object: Read): Wish {
  const key = rawTextOf(object, 'Key') ?? '';
  const version = textOf(object, 'VersionId');
  if (key === '') throw new S3Error('MalformedXML');
  let refusal: Wish['refusal'];
  if (Buffer.byteLength(key) > keyLimitBytes) refusal = ['KeyTooLongError', 'Your key is too long.'];
  else if (version !== undefined && version !== '' && version !== 'null')
    refusal = ['NoSuchVersion', 'The specified version does not exist.'];
  else if (['ETag', 'LastModifiedTime', 'Size'].some((name) => textOf(object, name) !== undefined))
    refusal = ['NotImplemented', 'Conditional deletes are not supported.'];
  return { key, version, refusal };
}

/** `POST /{bucket}?delete` */
export async function deleteObjects(call: BucketCall): Promise<Answer> {
  const text = await readDocument({ ...call, limitBytes: documentLimitBytes, mustBeProved: true });
  const root = await readXml(text);
  const wishes = allOf(root, 'Object').map(wishOf);
  if (root.name !== 'Delete' || wishes.length === 0 || wishes.length > mostKeys)
    throw new S3Error('MalformedXML');
  const isQuiet = textOf(root, 'Quiet')?.toLowerCase() === 'true';
  const allowed = wishes.filter((wish) => wish.refusal === undefined);
  await call.core.buckets.delete(
    call.bucket,
    allowed.map((wish) => wish.key),
  );
  const results: (Element | undefined)[] = wishes.map(({ key, version, refusal }) => {
    if (refusal)
      return element('Error', [
        element('Key', key),
        optional('VersionId', version),
        element('Code', refusal[0]),
        element('Message', refusal[1]),
      ]);
    return isQuiet
      ? undefined
      : element('Deleted', [element('Key', key), optional('VersionId', version || undefined)]);
  });
  return xmlAnswer(call.dialect, 'DeleteResult', results);
}
