import type { ErrorKind } from '@imageyard/core';

/**
 * What a kind is called on the wire. `null`: it can't reach that dialect.
 * - `ims`: code of the documented list, which gives status and text
 * - `glance`: status, or status and an IMG code that stands in the body in place of the number
 * - `s3`: S3 code and status
 */
export interface ErrorRow {
  readonly ims: string | null;
  readonly glance: number | readonly [status: number, code: string] | null;
  readonly s3: readonly [code: string, status: number] | null;
}

/** The one place where a kind meets a code. */
export const errorTable = {
  // credentials and rights
  'credentials-missing': { ims: 'APIGW.0301', glance: 401, s3: ['AccessDenied', 403] },
  'credentials-wrong': { ims: 'APIGW.0301', glance: 401, s3: ['AccessDenied', 403] },
  'token-unknown': { ims: 'APIGW.0301', glance: 401, s3: ['InvalidToken', 400] },
  'token-expired': { ims: 'APIGW.0301', glance: 401, s3: ['ExpiredToken', 400] },
  'key-unknown': { ims: 'APIGW.0301', glance: 401, s3: ['InvalidAccessKeyId', 403] },
  'signature-mismatch': { ims: 'APIGW.0301', glance: 401, s3: ['SignatureDoesNotMatch', 403] },
  'signature-expired': { ims: 'APIGW.0301', glance: 401, s3: ['RequestTimeTooSkewed', 403] },
  'signature-body-too-large': { ims: 'APIGW.0301', glance: 401, s3: null },
  'not-authorized': { ims: 'IMG.0026', glance: 403, s3: ['AccessDenied', 403] },
  // accounts: only the identity dialect makes and changes them, in its own words
  'login-busy': { ims: null, glance: null, s3: null },
  'password-unfit': { ims: null, glance: null, s3: null },
  'identity-not-found': { ims: null, glance: null, s3: null },
  'identity-conflict': { ims: null, glance: null, s3: null },
  'identity-protected': { ims: null, glance: null, s3: null },
  // requests
  'request-malformed': { ims: 'IMG.0001', glance: 400, s3: ['InvalidRequest', 400] },
  'request-empty': { ims: 'IMG.0007', glance: 400, s3: ['MissingRequestBodyError', 400] },
  'value-invalid': { ims: 'IMG.0001', glance: 400, s3: ['InvalidArgument', 400] },
  // images
  'image-not-found': { ims: 'IMG.0027', glance: 404, s3: null },
  'image-not-owned': { ims: 'IMG.0047', glance: 403, s3: null },
  'image-public': { ims: 'IMG.0083', glance: 403, s3: null },
  'image-protected': { ims: 'IMG.0028', glance: [403, 'IMG.0028'], s3: null },
  'image-wrong-state': { ims: 'IMG.0046', glance: 409, s3: null },
  'image-id-taken': { ims: null, glance: 409, s3: null },
  'image-gone-during-upload': { ims: null, glance: 410, s3: null },
  'image-attribute-read-only': { ims: 'IMG.0035', glance: 403, s3: null },
  'image-attribute-reserved': { ims: 'IMG.0035', glance: 403, s3: null },
  'image-attribute-absent': { ims: 'IMG.0035', glance: 409, s3: null },
  'image-attribute-present': { ims: 'IMG.0035', glance: 409, s3: null },
  'image-no-data': { ims: null, glance: 204, s3: null },
  'image-marker-unknown': { ims: 'IMG.0027', glance: 400, s3: null },
  'image-not-shareable': { ims: null, glance: 403, s3: null },
  'member-not-found': { ims: null, glance: 404, s3: null },
  'member-exists': { ims: null, glance: 409, s3: null },
  'tag-not-found': { ims: null, glance: 404, s3: null },
  'quota-exceeded': { ims: 'IMG.0015', glance: [400, 'IMG.0015'], s3: ['AccessDenied', 403] },
  // register: where the bytes come from
  'source-bucket-not-found': { ims: 'IMG.0069', glance: null, s3: null },
  'source-wrong-region': { ims: 'IMG.0058', glance: null, s3: null },
  'source-wrong-storage-class': { ims: 'IMG.0069', glance: null, s3: null },
  'source-not-found': { ims: 'IMG.0057', glance: null, s3: null },
  'source-too-large': { ims: 'IMG.0059', glance: 413, s3: ['EntityTooLarge', 400] },
  'source-changed': { ims: 'IMG.0057', glance: null, s3: null },
  'job-limit-reached': { ims: 'IMG.0060', glance: null, s3: null },
  'job-not-found': { ims: 'IMG.0023', glance: null, s3: null },
  'format-not-writable': { ims: 'IMG.0057', glance: 400, s3: null },
  'min-disk-too-small': { ims: 'IMG.0055', glance: 400, s3: null },
  'virtual-size-too-large': { ims: 'IMG.0111', glance: 413, s3: null },
  // what a disk image file was refused for
  'disk-empty': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-truncated': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-corrupt': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-unsupported': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-unsafe': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-encrypted': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-ambiguous': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-mismatch': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-too-large': { ims: 'IMG.0057', glance: 415, s3: null },
  'disk-changed': { ims: 'IMG.0057', glance: 415, s3: null },
  // buckets: only the bucket dialect reaches them
  'bucket-name-invalid': { ims: null, glance: null, s3: ['InvalidBucketName', 400] },
  'bucket-not-found': { ims: null, glance: null, s3: ['NoSuchBucket', 404] },
  'bucket-exists': { ims: null, glance: null, s3: ['BucketAlreadyExists', 409] },
  'bucket-owned': { ims: null, glance: null, s3: ['BucketAlreadyOwnedByYou', 409] },
  'bucket-limit': { ims: null, glance: null, s3: ['TooManyBuckets', 400] },
  'bucket-not-empty': { ims: null, glance: null, s3: ['BucketNotEmpty', 409] },
  'object-not-found': { ims: null, glance: null, s3: ['NoSuchKey', 404] },
  'upload-not-found': { ims: null, glance: null, s3: ['NoSuchUpload', 404] },
  'part-invalid': { ims: null, glance: null, s3: ['InvalidPart', 400] },
  'part-order': { ims: null, glance: null, s3: ['InvalidPartOrder', 400] },
  'part-too-small': { ims: null, glance: null, s3: ['EntityTooSmall', 400] },
  'precondition-failed': { ims: null, glance: null, s3: ['PreconditionFailed', 412] },
  // internal
  'lease-lost': { ims: 'IMG.1075', glance: null, s3: null },
  'job-cancelled': { ims: 'IMG.1075', glance: null, s3: null },
  'storage-full': { ims: 'IMG.1075', glance: 413, s3: ['InsufficientStorage', 507] },
  internal: { ims: 'IMG.1075', glance: 500, s3: ['InternalError', 500] },
} as const satisfies Record<ErrorKind, ErrorRow>;

/** One kind, several codes: which quota is used up. */
const quotaRows: Readonly<Record<string, ErrorRow>> = {
  images: errorTable['quota-exceeded'],
  tags: { ims: 'IMG.0116', glance: [400, 'IMG.0116'], s3: null },
  properties: { ims: 'IMG.0035', glance: 413, s3: null },
  members: { ims: 'IMG.0088', glance: 413, s3: null },
};

/** One kind, several IMS codes: which attribute has a value that can't be. */
const valueCodes: Readonly<Record<string, string>> = {
  name: 'IMG.0003',
  __description: 'IMG.0054',
  tags: 'IMG.0115',
  min_disk: 'IMG.0055',
  min_ram: 'IMG.0055',
  max_ram: 'IMG.0055',
};

const TiB = 1024 ** 4;

/**
 * The row of any kind.
 * @param facts of the error: `resource` names the quota that is used up, `attribute` whose value is
 *   wrong, `excludes` what it can't stand beside
 */
export function errorRow(kind: ErrorKind, facts: Readonly<Record<string, unknown>> = {}): ErrorRow {
  if (kind === 'value-invalid' && facts['attribute'] !== undefined) {
    const code = facts['excludes'] === undefined ? valueCodes[String(facts['attribute'])] : 'IMG.0035';
    return { ...errorTable[kind], ims: code ?? errorTable[kind].ims };
  }
  // The disk, not a table of it: the one cap that is over every system disk's (IMG.0111).
  if (kind === 'disk-too-large' && Number(facts['limit']) >= TiB)
    return { ...errorTable[kind], ims: 'IMG.0111' };
  if (kind === 'quota-exceeded') return quotaRows[String(facts['resource'])] ?? errorTable[kind];
  return errorTable[kind];
}

/** Is this text one of our kinds? Stored jobs hold kinds of other releases too. */
export function isErrorKind(text: string): text is ErrorKind {
  return Object.hasOwn(errorTable, text);
}
