import type { RandomAccess } from '../access/random-access.ts';
import { readBytes } from '../access/read.ts';
import type { FormatName } from '../disk/disk.ts';
import type { Ends } from '../formats/driver.ts';
import { drivers } from '../formats/registry.ts';
import { foreignContent, type Foreign } from './foreign.ts';
import { isVmdkContent } from './vmdk-content.ts';

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
  if (!disks.some((d) => d.format === 'vmdk') && (await isVmdkContent(file, ends.head))) {
    disks.push({ format: 'vmdk', offset: 0 });
  }
  return { size: file.size, disks, foreign: foreignContent(ends), strayFooter: isStrayFooter(ends) };
}

const FOOTER_BYTES = 512;

function markOffset(format: FormatName, ends: Ends): number {
  if (format === 'vdi') return 64;
  if (format === 'iso') return 32_769;
  return format === 'vhd' && !isCookie(ends.head, 0) ? ends.size - FOOTER_BYTES : 0;
}

const COOKIE = 'conectix';
const isCookie = (bytes: Uint8Array, at: number): boolean =>
  String.fromCharCode(...bytes.subarray(at, at + COOKIE.length)) === COOKIE;

/** A fixed VHD's footer whose size is not that of the file before it. */
function isStrayFooter({ size, head, tail }: Ends): boolean {
  const at = tail.length - FOOTER_BYTES;
  if (at < 0 || isCookie(head, 0) || !isCookie(tail, at)) return false;
  const view = new DataView(tail.buffer, tail.byteOffset + at, FOOTER_BYTES);
  return view.getBigUint64(48) !== BigInt(size - FOOTER_BYTES);
}
