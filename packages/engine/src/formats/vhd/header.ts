import { isAligned, isPowerOfTwo } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { u32be } from '../../bytes/integers.ts';
import { decodeUtf16 } from '../../bytes/utf16.ts';
import { limits } from '../../limits.ts';
import { checksum } from './footer.ts';

export const HEADER_BYTES = 1024;
export const HEADER_COOKIE = 'cxsparse';
export const VERSION = 0x0001_0000;

export const headerAt = {
  batOffset: 16,
  version: 24,
  maxTableEntries: 28,
  blockSize: 32,
  checksum: 36,
  parentName: 64,
} as const;

/** The header of a dynamic disk. */
export interface DynamicHeader {
  readonly at: number;
  /** Bytes of guest data in one block; a power of two. */
  readonly blockSize: number;
  readonly batOffset: number;
  readonly batEntries: number;
}

/**
 * @param bytes 1024 bytes at the footer's data offset
 * @param at that offset
 * @throws {DiskError} `disk-corrupt`, `disk-unsupported`
 */
export function parseDynamicHeader(bytes: Uint8Array, at: number): DynamicHeader {
  const fields = new Fields(bytes, { format: 'vhd', offset: at, endian: 'be' });
  const cookie = String.fromCharCode(...fields.slice(0, 8));
  if (cookie !== HEADER_COOKIE) {
    throw fields.error('disk-corrupt', 0, 'cookie', 'the dynamic header lacks its mark "cxsparse"');
  }
  if (u32be(bytes, headerAt.checksum) !== checksum(bytes, headerAt.checksum)) {
    throw fields.error(
      'disk-corrupt',
      headerAt.checksum,
      'checksum',
      'the dynamic header has a wrong checksum',
    );
  }
  const version = fields.u32(headerAt.version);
  if (version !== VERSION) {
    throw fields.error(
      'disk-unsupported',
      headerAt.version,
      'version',
      `header version ${version} is unknown`,
      {
        value: version,
      },
    );
  }
  const blockSize = fields.u32(headerAt.blockSize);
  if (!isPowerOfTwo(blockSize) || blockSize < 512 || blockSize > limits.blockBytes) {
    throw fields.error(
      'disk-corrupt',
      headerAt.blockSize,
      'block_size',
      `block size ${blockSize} is not a power of two from 512 to ${limits.blockBytes}`,
      { value: blockSize, limit: limits.blockBytes },
    );
  }
  const batOffset = fields.u64(headerAt.batOffset, 'table_offset');
  if (!isAligned(batOffset, 512)) {
    throw fields.error(
      'disk-corrupt',
      headerAt.batOffset,
      'table_offset',
      `BAT offset ${batOffset} is not on 512`,
      {
        value: batOffset,
      },
    );
  }
  return { at, blockSize, batOffset, batEntries: fields.u32(headerAt.maxTableEntries) };
}

/** The parent's name in a differencing disk's header, UTF-16BE; for messages only. */
export const parentName = (bytes: Uint8Array): string =>
  decodeUtf16(bytes.subarray(headerAt.parentName, headerAt.parentName + 512), 'be').replace(/\0.*$/s, '');

/** Length of the sector bitmap in front of each block: one bit a sector, whole sectors. */
export const bitmapBytes = (blockSize: number): number => Math.ceil(blockSize / 512 / 8 / 512) * 512;
