import { fits } from '../bytes/align.ts';
import { diskError, pastEnd, type DiskErrorWhere } from '../errors.ts';
import type { RandomAccess } from './random-access.ts';

/** Read exactly `length` bytes into a new array. The caller has bounded `length` (`limits.ts`). */
export async function readBytes(file: RandomAccess, offset: number, length: number): Promise<Uint8Array> {
  requireRange(file, offset, length);
  const bytes = new Uint8Array(length);
  await file.read(offset, bytes);
  return bytes;
}

/**
 * What every `RandomAccess` says about a range behind its end, before a byte is touched.
 * @throws {DiskError} `disk-truncated`
 */
export function requireRange(file: { readonly size: number }, offset: number, length: number): void {
  if (offset < 0 || length < 0 || !fits(offset, length, file.size)) {
    throw diskError(
      'disk-truncated',
      { offset },
      `${length} bytes wanted, the file ends at byte ${file.size}`,
    );
  }
}

/**
 * Does a table that a header names lie wholly in the file? Asked before memory is taken (H3, H4).
 * @param where the field that names it
 * @throws {DiskError} `disk-truncated`
 */
export function requireInside(
  file: { readonly size: number },
  range: { readonly name: string; readonly offset: number; readonly length: number },
  where: DiskErrorWhere,
): void {
  if (!fits(range.offset, range.length, file.size)) {
    throw pastEnd(where, `the ${range.name}`, range.offset + range.length, file.size);
  }
}
