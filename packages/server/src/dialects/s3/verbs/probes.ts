import { emptyAnswer, xmlAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { readDocument } from '../body/document.ts';
import { vendorHeader } from '../call.ts';
import type { BucketCall } from '../call.ts';
import { S3Error } from '../errors.ts';
import type { S3Code } from '../errors.ts';
import { judgeCannedAcl } from '../facts.ts';
import { ownerChildren, ownerElement, ownerOf } from '../owner.ts';
import { allOf, readXml, textOf } from '../xml/read.ts';
import type { Read } from '../xml/read.ts';
import { element } from '../xml/write.ts';

const documentLimitBytes = 1024 * 1024;

type Verb = (call: BucketCall) => Promise<Answer>;

/** A configuration that no bucket has. */
export const absent =
  (code: S3Code, obsCode: S3Code = code): Verb =>
  ({ dialect }) =>
    Promise.reject(new S3Error(dialect === 'obs' ? obsCode : code));

/** An empty document. */
export const emptyDocument =
  (root: string): Verb =>
  async ({ dialect }) =>
    xmlAnswer(dialect, root, []);

/** What isn't done is refused, never pretended. */
export const notImplemented: Verb = () => Promise.reject(new S3Error('NotImplemented'));

export const requestPayment: Verb = async ({ dialect }) =>
  xmlAnswer(dialect, 'RequestPaymentConfiguration', [element('Payer', 'BucketOwner')]);

/** `PUT ?versioning`: it can be switched off, which it is. */
export async function writeVersioning(call: BucketCall): Promise<Answer> {
  const root = await readXml(await readDocument({ ...call, limitBytes: documentLimitBytes }));
  const status = textOf(root, 'Status');
  if (root.name !== 'VersioningConfiguration' || (status !== 'Enabled' && status !== 'Suspended'))
    throw new S3Error('MalformedXML');
  if (status === 'Enabled') throw new S3Error('NotImplemented', 'Versioning is not supported.');
  return emptyAnswer(200);
}

/** `GET ?storageinfo` */
export async function storageInfo({ core, dialect, bucket }: BucketCall): Promise<Answer> {
  const usage = await core.buckets.usage(bucket);
  return xmlAnswer(dialect, 'GetBucketStorageInfoResult', [
    element('Size', usage.sizeBytes),
    element('ObjectNumber', usage.objects),
  ]);
}

/** `GET ?quota`: none. */
export const storageQuota: Verb = async ({ dialect }) =>
  xmlAnswer(dialect, 'Quota', [element('StorageQuota', 0)]);

/** `GET ?acl` of a bucket or an object: everything to its owner. */
export async function readAcl(call: BucketCall): Promise<Answer> {
  const { dialect, bucket, target } = call;
  if (target.key !== '') await call.core.buckets.head(bucket, target.key);
  const owner = ownerOf(bucket);
  const grantee =
    dialect === 'obs'
      ? element('Grantee', ownerChildren(dialect, owner))
      : element('Grantee', ownerChildren(dialect, owner), {
          'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
          'xsi:type': 'CanonicalUser',
        });
  return xmlAnswer(dialect, 'AccessControlPolicy', [
    ownerElement(dialect, owner),
    element('AccessControlList', [element('Grant', [grantee, element('Permission', 'FULL_CONTROL')])]),
  ]);
}

/** Does a list of grants say what is true: everything to the owner, nothing to others? */
function isOwnersOnly(root: Read, ids: readonly string[]): boolean {
  const grants = allOf(root, 'AccessControlList').flatMap((list) => allOf(list, 'Grant'));
  return grants.every((grant) => {
    const id = allOf(grant, 'Grantee').map((grantee) => textOf(grantee, 'ID'))[0];
    return id !== undefined && ids.includes(id) && textOf(grant, 'Permission') === 'FULL_CONTROL';
  });
}

/** `PUT ?acl`: only what is true anyway. */
export async function writeAcl(call: BucketCall): Promise<Answer> {
  const { bucket, target } = call;
  if (target.key !== '') await call.core.buckets.head(bucket, target.key);
  judgeCannedAcl(vendorHeader(call, 'acl'));
  const grants = [...call.headers.startingWith('x-amz-grant-'), ...call.headers.startingWith('x-obs-grant-')];
  if (grants.length > 0) throw new S3Error('NotImplemented', 'Grants are not supported.');
  const text = await readDocument({ ...call, limitBytes: documentLimitBytes });
  if (text.trim() === '') return emptyAnswer(200);
  const root = await readXml(text);
  if (root.name !== 'AccessControlPolicy') throw new S3Error('MalformedACLError');
  if (!isOwnersOnly(root, [bucket.projectId, bucket.domainId]))
    throw new S3Error('NotImplemented', 'Only the owner of a bucket can be granted access to it.');
  return emptyAnswer(200);
}

/** `GET ?tagging` of an object: it has none, which clients ask before they copy. */
export async function objectTagging({ core, dialect, bucket, target }: BucketCall): Promise<Answer> {
  await core.buckets.head(bucket, target.key);
  return xmlAnswer(dialect, 'Tagging', [element('TagSet')]);
}

/** `POST ?restore`: every object can be read at once. */
export async function restoreObject({ core, bucket, target }: BucketCall): Promise<Answer> {
  await core.buckets.head(bucket, target.key);
  return emptyAnswer(200);
}
