import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { Fields } from '../../bytes/fields.ts';
import { u32be } from '../../bytes/integers.ts';
import type { Geometry } from './geometry.ts';

export const FOOTER_BYTES = 512;
/** Very old tools wrote a footer without its last, reserved byte. */
export const SHORT_FOOTER_BYTES = 511;
export const COOKIE = 'conectix';

/** Values of the footer's "disk type". */
export const diskTypes = { fixed: 2, dynamic: 3, differencing: 4 } as const;

/** Byte offsets in the footer that findings and errors name. */
export const footerAt = {
  version: 12,
  dataOffset: 16,
  creator: 28,
  currentSize: 48,
  geometry: 56,
  type: 60,
  checksum: 64,
  uniqueId: 68,
  savedState: 84,
} as const;

/** A VHD footer whose checksum is right. All integers big-endian. */
export interface Footer {
  /** Where it lies in the file. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly version: number;
  /** Place of the dynamic header; `undefined` when the field says "none". */
  readonly dataOffset: number | undefined;
  /** Creator application, four bytes as Latin-1. */
  readonly creator: string;
  readonly currentSize: number;
  readonly geometry: Geometry;
  readonly type: number;
  readonly savedState: boolean;
}

/** What lies at a place where a footer may be: none, one with a wrong checksum, or a good one. */
export type FooterCopy =
  | { readonly state: 'absent'; readonly at: number }
  | { readonly state: 'broken'; readonly at: number }
  | { readonly state: 'good'; readonly at: number; readonly footer: Footer };

export const hasCookie = (bytes: Uint8Array, at = 0): boolean =>
  at >= 0 &&
  at + COOKIE.length <= bytes.length &&
  COOKIE.split('').every((c, i) => bytes[at + i] === c.charCodeAt(0));

/** One's complement of the sum of all bytes, the four of the checksum itself left out. */
export function checksum(bytes: Uint8Array, checksumAt: number): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (i < checksumAt || i >= checksumAt + 4) sum += bytes[i]!;
  }
  return ~sum >>> 0;
}

/** @param bytes 512 or 511 bytes @param at their offset in the file */
export function parseFooter(bytes: Uint8Array, at: number): FooterCopy {
  if (!hasCookie(bytes)) return { state: 'absent', at };
  if (u32be(bytes, footerAt.checksum) !== checksum(bytes, footerAt.checksum)) return { state: 'broken', at };
  const fields = new Fields(bytes, { format: 'vhd', offset: at, endian: 'be' });
  const data = fields.halves(footerAt.dataOffset);
  const none = data.high === 0xffff_ffff && data.low === 0xffff_ffff;
  const footer: Footer = {
    at,
    bytes,
    version: fields.u32(footerAt.version),
    dataOffset: none ? undefined : fields.u64(footerAt.dataOffset, 'data_offset'),
    creator: String.fromCharCode(...fields.slice(footerAt.creator, 4)),
    currentSize: fields.u64(footerAt.currentSize, 'current_size'),
    geometry: {
      cylinders: fields.u16(footerAt.geometry),
      heads: fields.u8(footerAt.geometry + 2),
      sectorsPerTrack: fields.u8(footerAt.geometry + 3),
    },
    type: fields.u32(footerAt.type),
    savedState: fields.u8(footerAt.savedState) !== 0,
  };
  return { state: 'good', at, footer };
}

/** The two places of a footer. */
export interface FooterCopies {
  readonly front: FooterCopy;
  readonly end: FooterCopy;
  /** 512, or 511 where only a short footer was found. */
  readonly endLength: number;
}

/**
 * Both copies of the footer: at byte 0 (dynamic disks only) and at the end of the file.
 * @throws {DiskError} `disk-corrupt` for a good footer with an impossible size
 */
export async function readFooters(file: RandomAccess): Promise<FooterCopies> {
  if (file.size < FOOTER_BYTES) {
    const absent = { state: 'absent', at: 0 } as const;
    return { front: absent, end: absent, endLength: FOOTER_BYTES };
  }
  const front = parseFooter(await readBytes(file, 0, FOOTER_BYTES), 0);
  const endAt = file.size - FOOTER_BYTES;
  const tail = await readBytes(file, endAt, FOOTER_BYTES);
  const end = parseFooter(tail, endAt);
  if (end.state !== 'absent') return { front, end, endLength: FOOTER_BYTES };
  const short = parseFooter(tail.subarray(1), endAt + 1);
  return short.state === 'absent'
    ? { front, end, endLength: FOOTER_BYTES }
    : { front, end: short, endLength: SHORT_FOOTER_BYTES };
}
