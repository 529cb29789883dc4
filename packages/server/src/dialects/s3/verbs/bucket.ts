import { emptyAnswer, xmlAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { DomainError } from '@imageyard/core';
import { readDocument } from '../body/document.ts';
import { vendorHeader } from '../call.ts';
import type { BucketCall, Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { judgeCannedAcl } from '../facts.ts';
import { parseStorageClass, shownStorageClass } from '../storage-class.ts';
import { readXml, textOf } from '../xml/read.ts';

const documentLimitBytes = 1024 * 1024;

/** A body that names another region than ours is refused; none, an empty one and ours are fine. */
async function judgeLocation(call: Call): Promise<void> {
  const text = await readDocument({ ...call, limitBytes: documentLimitBytes });
  if (text.trim() === '') return;
  const root = await readXml(text);
  if (root.name !== 'CreateBucketConfiguration') throw new S3Error('MalformedXML');
  const location = textOf(root, 'LocationConstraint') ?? textOf(root, 'Location');
  if (location === undefined || location === '' || location === call.region) return;
  throw new S3Error('InvalidLocationConstraint', undefined, { LocationConstraint: location });
}

/** `PUT /{bucket}` */
export async function createBucket(call: Call): Promise<Answer> {
  judgeCannedAcl(vendorHeader(call, 'acl'));
  if (vendorHeader(call, 'bucket-object-lock-enabled')?.toLowerCase() === 'true')
    throw new S3Error('NotImplemented', 'Object lock is not supported.');
  if (vendorHeader(call, 'object-ownership') === 'ObjectWriter')
    throw new S3Error('NotImplemented', 'Objects belong to the owner of their bucket.');
  if (
    call.headers.startingWith('x-amz-grant-').length > 0 ||
    call.headers.startingWith('x-obs-grant-').length > 0
  )
    throw new S3Error('NotImplemented', 'Grants are not supported.');
  const storageClass = parseStorageClass(
    vendorHeader(call, 'storage-class') ?? call.headers.get('x-default-storage-class'),
  );
  await judgeLocation(call);
  const { bucket: name } = call.target;
  try {
    await call.core.buckets.createBucket(call.actor, name, storageClass);
  } catch (error) {
    // OBS takes a second creation by the owner as done.
    const isOwn = error instanceof DomainError && error.kind === 'bucket-owned';
    if (!isOwn || call.dialect !== 'obs') throw error;
  }
  return emptyAnswer(200, { location: `/${name}` });
}

/** `HEAD /{bucket}` */
export async function headBucket({ dialect, bucket, region }: BucketCall): Promise<Answer> {
  if (dialect === 's3') return emptyAnswer(200, { 'x-amz-bucket-region': region });
  return emptyAnswer(200, {
    'x-obs-bucket-location': region,
    'x-obs-storage-class': bucket.storageClass,
    'x-obs-version': '3.0',
  });
}

/** `DELETE /{bucket}` */
export async function deleteBucket({ core, bucket }: BucketCall): Promise<Answer> {
  await core.buckets.deleteBucket(bucket);
  return emptyAnswer(204);
}

/** `GET /{bucket}?location`: S3 leaves its first region unnamed. */
export async function bucketLocation({ dialect, region }: BucketCall): Promise<Answer> {
  return dialect === 'obs'
    ? xmlAnswer(dialect, 'Location', region)
    : xmlAnswer(dialect, 'LocationConstraint', region === 'us-east-1' ? '' : region);
}

/** `GET /{bucket}?storageClass`, in S3's words `?storagePolicy` */
export async function readBucketClass({ dialect, bucket }: BucketCall): Promise<Answer> {
  const text = shownStorageClass(dialect, bucket.storageClass);
  return dialect === 'obs'
    ? xmlAnswer(dialect, 'StorageClass', text)
    : xmlAnswer(dialect, 'StoragePolicy', [{ name: 'DefaultStorageClass', attributes: {}, content: text }]);
}

/** `PUT /{bucket}?storageClass`, `?storagePolicy` */
export async function writeBucketClass(call: BucketCall): Promise<Answer> {
  const root = await readXml(await readDocument({ ...call, limitBytes: documentLimitBytes }));
  const text = root.name === 'StorageClass' ? root.text.trim() : textOf(root, 'DefaultStorageClass');
  if (text === undefined) throw new S3Error('MalformedXML');
  const storageClass = parseBucketClass(call, text);
  await call.core.buckets.setStorageClass(call.bucket, storageClass);
  return emptyAnswer(200);
}

function parseBucketClass({ dialect }: BucketCall, text: string) {
  try {
    return parseStorageClass(text)!;
  } catch (error) {
    throw dialect === 'obs' ? new S3Error('InvalidDefaultStorageClass') : error;
  }
}
