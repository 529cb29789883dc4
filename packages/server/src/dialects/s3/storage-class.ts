import type { StorageClass } from '@imageyard/core';
import { S3Error } from './errors.ts';
import type { DialectName } from './headers.ts';

/** OBS names and S3 names of the same three classes; both dialects take both. */
const s3Names: Readonly<Record<StorageClass, string>> = {
  STANDARD: 'STANDARD',
  WARM: 'STANDARD_IA',
  COLD: 'GLACIER',
};

/** The class of a name; undefined without one. @throws {S3Error} InvalidStorageClass */
export function parseStorageClass(text: string | undefined): StorageClass | undefined {
  if (text === undefined) return undefined;
  for (const [name, alias] of Object.entries(s3Names))
    if (text === name || text === alias) return name as StorageClass;
  throw new S3Error('InvalidStorageClass');
}

export const shownStorageClass = (dialect: DialectName, storageClass: StorageClass): string =>
  dialect === 'obs' ? storageClass : s3Names[storageClass];
