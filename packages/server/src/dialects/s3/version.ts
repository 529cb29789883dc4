import { query } from './call.ts';
import type { Call } from './call.ts';
import { S3Error } from './errors.ts';

/** Objects have one version, `null`. @throws {S3Error} NoSuchVersion */
export function judgeVersion(version: string | undefined): void {
  if (version === undefined || version === '' || version === 'null') return;
  throw new S3Error('NoSuchVersion', undefined, { VersionId: version });
}

/** The version in the query, if one is named. @throws {S3Error} NoSuchVersion */
export const judgeVersionId = (call: Pick<Call, 'target'>): void => judgeVersion(query(call, 'versionId'));
