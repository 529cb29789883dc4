import type { DiskErrorKind } from '@imageyard/engine';

/**
 * Everything that can go wrong without HTTP: the closed list. A kind is as fine as the finest
 * dialect needs; `server/errors/table.ts` says what each is called on the wire.
 */
export const domainErrorKinds = [
  // credentials and rights
  'credentials-missing',
  'credentials-wrong',
  'token-unknown',
  'token-expired',
  'key-unknown',
  'signature-mismatch',
  'signature-expired',
  'signature-body-too-large',
  'not-authorized',
  // accounts
  'login-busy',
  'password-unfit',
  'identity-not-found',
  'identity-conflict',
  'identity-protected',
  // requests
  'request-malformed',
  'request-empty',
  'value-invalid',
  // images
  'image-not-found',
  'image-not-owned',
  'image-public',
  'image-protected',
  'image-wrong-state',
  'image-id-taken',
  'image-gone-during-upload',
  'image-attribute-read-only',
  'image-attribute-reserved',
  'image-attribute-absent',
  'image-attribute-present',
  'image-no-data',
  'image-marker-unknown',
  'image-not-shareable',
  'member-not-found',
  'member-exists',
  'tag-not-found',
  'quota-exceeded',
  // register: where the bytes come from
  'source-bucket-not-found',
  'source-wrong-region',
  'source-wrong-storage-class',
  'source-not-found',
  'source-too-large',
  'source-changed',
  'job-limit-reached',
  'job-not-found',
  'format-not-writable',
  'min-disk-too-small',
  'virtual-size-too-large',
  // buckets
  'bucket-name-invalid',
  'bucket-not-found',
  'bucket-exists',
  'bucket-owned',
  'bucket-limit',
  'bucket-not-empty',
  'object-not-found',
  'upload-not-found',
  'part-invalid',
  'part-order',
  'part-too-small',
  'precondition-failed',
  // internal
  'lease-lost',
  'job-cancelled',
  'storage-full',
  'internal',
] as const;
export type DomainErrorKind = (typeof domainErrorKinds)[number];

/** Both lists: what a dialect must be able to put into words. */
export type ErrorKind = DomainErrorKind | DiskErrorKind;

/** A rule of `core` refused something. Names kind and facts, never a status code. */
export class DomainError extends Error {
  readonly kind: DomainErrorKind;
  /** Facts for the words of a dialect: names, limits, values. */
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(
    kind: DomainErrorKind,
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'DomainError';
    this.kind = kind;
    this.facts = facts;
  }
}
