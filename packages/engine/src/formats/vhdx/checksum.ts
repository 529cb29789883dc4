import { crc32c } from '../../bytes/crc32c.ts';
import { u32le } from '../../bytes/integers.ts';

const CHECKSUM_AT = 4;
const ZEROS = new Uint8Array(4);

/** CRC-32C of a structure whose own checksum, at byte 4, counts as zero. */
export function structureChecksum(bytes: Uint8Array): number {
  const head = crc32c(ZEROS, crc32c(bytes.subarray(0, CHECKSUM_AT)));
  return crc32c(bytes.subarray(CHECKSUM_AT + 4), head);
}

export const hasRightChecksum = (bytes: Uint8Array): boolean =>
  u32le(bytes, CHECKSUM_AT) === structureChecksum(bytes);

/** Do the bytes start with this ASCII text? */
export const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean =>
  at + text.length <= bytes.length && [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));
