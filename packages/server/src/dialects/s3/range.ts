import { S3Error } from './errors.ts';

/** Bytes [start, end). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The range that a `Range` header asks for, cut to the object.
 * @returns undefined, which means all of it, for anything that isn't one sound range of bytes
 * @throws {S3Error} InvalidRange when it begins behind the end
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])]; // inexact beyond 2^53, where only order counts
  if (match[1] !== '' && match[2] !== '' && first > last) return undefined;
  const start = match[1] === '' ? Math.max(sizeBytes - last, 0) : first;
  if (start >= sizeBytes)
    throw new S3Error(
      'InvalidRange',
      undefined,
      { RangeRequested: header ?? '', ActualObjectSize: String(sizeBytes) },
      { 'content-range': `bytes */${sizeBytes}` },
    );
  const end = match[1] === '' || match[2] === '' ? sizeBytes : Math.min(last + 1, sizeBytes);
  return { start, end };
}

export const contentRange = ({ start, end }: ByteRange, sizeBytes: number): string =>
  `bytes ${start}-${end - 1}/${sizeBytes}`;
