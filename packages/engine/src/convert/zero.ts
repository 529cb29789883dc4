import { isAllZero } from '../bytes/align.ts';

/**
 * A test whether bytes [from, to) of `bytes` are all zero. With Node's `compare` (memcmp) against a
 * block of zeros: 80 GB/s for 64 KiB and no allocation; elsewhere word by word.
 * @param most the longest range that will be asked for
 */
export function zeroTest(bytes: Uint8Array, most: number): (from: number, to: number) => boolean {
  if (typeof Buffer === 'undefined') return (from, to) => isAllZero(bytes.subarray(from, to));
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const zeros = Buffer.alloc(most);
  return (from, to) => buffer.compare(zeros, 0, to - from, from, to) === 0;
}
