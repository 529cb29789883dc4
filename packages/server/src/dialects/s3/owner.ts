import type { Bucket } from '@imageyard/core';
import { S3Error } from './errors.ts';
import type { DialectName } from './headers.ts';
import { element } from './xml/write.ts';
import type { Element } from './xml/write.ts';

export interface Owner {
  readonly projectId: string;
  readonly domainId: string;
  readonly name: string;
}

export const ownerOf = (bucket: Bucket): Owner => ({
  projectId: bucket.projectId,
  domainId: bucket.domainId,
  name: bucket.ownerName,
});

/** A caller may say whose bucket he means. @throws {S3Error} AccessDenied */
export function judgeExpectedOwner(bucket: Bucket, expected: string | undefined): void {
  if (expected !== undefined && expected !== bucket.projectId && expected !== bucket.domainId)
    throw new S3Error('AccessDenied');
}

/** The owner as each dialect shows it: S3 the project, OBS the domain without a name. */
export function ownerChildren(dialect: DialectName, owner: Owner): Element[] {
  return dialect === 'obs'
    ? [element('ID', owner.domainId)]
    : [element('ID', owner.projectId), element('DisplayName', owner.name)];
}

export const ownerElement = (dialect: DialectName, owner: Owner, name = 'Owner'): Element =>
  element(name, ownerChildren(dialect, owner));
