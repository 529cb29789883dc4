import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from '@imageyard/engine';
import type { ChecksumAlgorithm, ChecksumType, ObjectChecksum, UploadPart } from '@imageyard/core';
import { combineCrcs, isCombinable } from './combine.ts';

function compositeOf(algorithm: ChecksumAlgorithm, raw: Buffer): string {
  if (algorithm === 'sha1' || algorithm === 'sha256')
    return createHash(algorithm).update(raw).digest('base64');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(algorithm === 'crc32' ? crc32(raw) : crc32c(raw));
  return bytes.toString('base64');
}

/**
 * The checksum of an object made of parts, from theirs alone. Composite: the algorithm over the raw
 * values one behind the other, and the number of parts. Undefined when a part has none.
 */
export function multipartChecksum(
  { algorithm, type }: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType },
  parts: readonly UploadPart[],
): ObjectChecksum | undefined {
  const values: { value: string; sizeBytes: number }[] = [];
  for (const { checksum, sizeBytes } of parts) {
    if (checksum === undefined) return undefined;
    values.push({ value: checksum, sizeBytes });
  }
  if (type === 'FULL_OBJECT')
    return isCombinable(algorithm) ? { algorithm, type, value: combineCrcs(algorithm, values) } : undefined;
  const raw = Buffer.concat(values.map(({ value }) => Buffer.from(value, 'base64')));
  return { algorithm, type, value: `${compositeOf(algorithm, raw)}-${parts.length}` };
}
