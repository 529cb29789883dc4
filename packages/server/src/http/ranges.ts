import { HttpFault } from './faults.ts';

/** Bytes [start, end) of something that has `size` bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const unsatisfiable = (text: string, size: number): HttpFault =>
  new HttpFault('range-unsatisfiable', text, { 'content-range': `bytes */${size}` });

/**
 * The range that a `Range` header asks for (RFC 9110 section 14; one range), with Glance's texts.
 * @param size length of the whole in bytes
 * @returns undefined without a header
 * @throws {HttpFault} 416 for a form or unit that isn't known and for a start behind the end;
 *   400 for several ranges
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  if (/^\s*bytes\s*=[^,]*,/i.test(header))
    throw new HttpFault(
      'range-unsupported',
      'Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead.',
    );
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header);
  if (!match || (match[1] === '' && match[2] === '')) throw unsatisfiable('Invalid Range header.', size);
  const first = match[1] === '' ? undefined : Number(match[1]);
  const last = match[2] === '' ? undefined : Number(match[2]);
  if (first === undefined) {
    const length = Math.min(last ?? 0, size);
    if (length === 0) throw startOutside(size);
    return { start: size - length, end: size };
  }
  if (last !== undefined && last < first) throw unsatisfiable('Invalid Range header.', size);
  if (first >= size) throw startOutside(size);
  return { start: first, end: Math.min(last === undefined ? size : last + 1, size) };
}

function startOutside(size: number): HttpFault {
  return unsatisfiable(
    `Invalid start position in Range header. Start position MUST be in the inclusive range [0, ${size - 1}].`,
    size,
  );
}

/**
 * The older spelling that some clients use: `Content-Range: bytes 0-3/10` (or `/*`) in the request.
 * @throws {HttpFault} 416 for every other form
 */
export function parseRequestContentRange(header: string | undefined, size: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header);
  const start = Number(match?.[1]);
  const end = Number(match?.[2]) + 1;
  if (!match || start >= end || end > size || (match[3] !== '*' && Number(match[3]) !== size))
    throw unsatisfiable('Invalid Content-Range header.', size);
  return { start, end };
}

/** `Content-Range` of a 206. */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end - 1}/${size}`;
}

/** Does `If-Range` allow the range? Only a strong entity tag that matches does (RFC 9110 13.1.5). */
export function ifRangeHolds(header: string | undefined, etag: string | undefined): boolean {
  return header === undefined || (etag !== undefined && header.trim() === etag);
}
