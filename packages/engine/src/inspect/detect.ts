import type { RandomAccess } from '../access/random-access.ts';
import { readBytes } from '../access/read.ts';
import { u32be, u64be } from '../bytes/integers.ts';
import type { FormatName } from '../disk/disk.ts';
import type { Ends } from '../formats/driver.ts';
import { driverFor, drivers } from '../formats/registry.ts';
import { foreignContent, type Foreign } from './foreign.ts';

/** One thing that a file claims to be. */
export interface Candidate {
  readonly format: FormatName;
  /** Byte where its mark stands. */
  readonly offset: number;
}

/** Everything that the probes found; nothing is decided yet. */
export interface Detection {
  readonly size: number;
  readonly disks: readonly Candidate[];
  readonly foreign: readonly Foreign[];
  /** The only mark is a fixed VHD's footer, and it does not fit the file: perhaps the guest's own data (H13). */
  readonly strayFooter: boolean;
}

const END_BYTES = 64 * 1024;
const DESCRIPTOR_SEARCH_BYTES = 1024 * 1024;

/** The first and last 64 KiB. */
export async function readEnds(file: RandomAccess): Promise<Ends> {
  const length = Math.min(file.size, END_BYTES);
  const head = await readBytes(file, 0, length);
  const tail = file.size <= END_BYTES ? head : await readBytes(file, file.size - length, length);
  return { size: file.size, head, tail };
}

/**
 * Runs all probes, not only until the first that matches, so that a file with two faces is seen
 * (hazard H12). Reads at most 128 KiB, and the first MiB of what looks like a VMDK descriptor.
 */
export async function detect(file: RandomAccess): Promise<Detection> {
  const ends = await readEnds(file);
  const disks: Candidate[] = drivers
    .filter((driver) => driver.name !== 'raw' && driver.matches(ends))
    .map((driver) => ({ format: driver.name, offset: markOffset(driver.name, ends) }));
  if (!disks.some((d) => d.format === 'vmdk') && (await isLongDescriptor(file, ends))) {
    disks.push({ format: 'vmdk', offset: 0 });
  }
  return { size: file.size, disks, foreign: foreignContent(ends), strayFooter: isStrayFooter(ends) };
}

/**
 * A VMDK descriptor whose `createType` stands behind the first 64 KiB; other programs look for it in
 * the first MiB, and would follow the names in it (hazards H12e, H20).
 */
async function isLongDescriptor(file: RandomAccess, ends: Ends): Promise<boolean> {
  const isText = ends.head.subarray(0, 512).every((b) => (b >= 0x20 && b < 0x7f) || (b >= 9 && b <= 13));
  if (!isText || file.size <= END_BYTES) return false;
  const head = await readBytes(file, 0, Math.min(file.size, DESCRIPTOR_SEARCH_BYTES));
  return driverFor('vmdk').matches({ ...ends, head });
}

const FOOTER_BYTES = 512;

function markOffset(format: FormatName, ends: Ends): number {
  if (format === 'vdi') return 64;
  if (format === 'iso') return 32_769;
  if (format !== 'vhd' || isCookie(ends.head, 0)) return 0;
  return ends.size - (isCookie(ends.tail, ends.tail.length - FOOTER_BYTES) ? FOOTER_BYTES : FOOTER_BYTES - 1);
}

const COOKIE = 'conectix';
const isCookie = (bytes: Uint8Array, at: number): boolean =>
  at >= 0 && String.fromCharCode(...bytes.subarray(at, at + COOKIE.length)) === COOKIE;

const FIXED = 2;

/** A right footer of a fixed VHD whose size is not that of the file before it. */
function isStrayFooter({ size, head, tail }: Ends): boolean {
  const at = tail.length - FOOTER_BYTES;
  if (isCookie(head, 0) || !isCookie(tail, at)) return false;
  const footer = tail.subarray(at);
  let sum = 0;
  footer.forEach((byte, i) => (sum += i >= 64 && i < 68 ? 0 : byte));
  if (u32be(footer, 60) !== FIXED || u32be(footer, 64) !== ~sum >>> 0) return false;
  return u64be(footer, 48) !== size - FOOTER_BYTES;
}
