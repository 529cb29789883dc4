import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { u16le, u32le } from '../../bytes/integers.ts';
import { shownText } from '../../bytes/text.ts';
import type { Disk } from '../../disk/disk.ts';
import { pastEnd } from '../../errors.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { openRaw } from './driver.ts';

const FIRST_DESCRIPTOR = 32_768;
const DESCRIPTOR_BYTES = 2048;
/** A disc has three or four; the walk ends here whatever the file says (hazard H9). */
const MOST_DESCRIPTORS = 64;

/**
 * ISO 9660 or UDF: kept as it is, read as a raw disk. A partition table in front (isohybrid) is
 * part of it. @see ECMA-119 section 8
 */
export const iso: FormatDriver = {
  name: 'iso',
  matches: ({ head }) => isIso9660(head) || isUdf(head),
  open: openIso,
};

const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

function isIso9660(head: Uint8Array): boolean {
  const type = head[FIRST_DESCRIPTOR];
  return (
    type !== undefined && [0, 1, 2, 3, 255].includes(type) && ascii(head, FIRST_DESCRIPTOR + 1, 5) === 'CD001'
  );
}

/** A UDF bridge may have ISO descriptors first; all lie in the first 64 KiB. */
function isUdf(head: Uint8Array): boolean {
  let begun = false;
  for (let at = FIRST_DESCRIPTOR; at + 6 <= head.length; at += DESCRIPTOR_BYTES) {
    const id = ascii(head, at + 1, 5);
    if (id === 'BEA01') begun = true;
    if (begun && (id === 'NSR02' || id === 'NSR03')) return true;
  }
  return false;
}

async function openIso(file: RandomAccess): Promise<Disk> {
  const checks = new Checks('iso');
  const volume = await primaryVolume(file);
  if (volume) {
    const { offset, bytes } = volume;
    if (bytes > file.size) {
      const where = { format: 'iso', field: 'volume space size', offset: offset + 80, value: bytes };
      throw pastEnd(where, 'the volume', bytes, file.size);
    }
    checks.passed('volume-size', `the volume of ${bytes} bytes lies in the file`);
  } else {
    checks.noted('volume-size', 'no primary volume descriptor: UDF only', { offset: FIRST_DESCRIPTOR });
  }
  checks.noted('iso', 'an optical disc image: kept as it is, or read as a raw disk', {
    offset: FIRST_DESCRIPTOR,
  });
  const disk = await openRaw(file, 'iso', checks);
  const label = volume ? { volume: shownText(volume.label.trim()) } : {};
  return { ...disk, facts: { ...disk.facts, details: { ...disk.facts.details, ...label } } };
}

/** The first descriptor of type 1, before a terminator (type 255). */
async function primaryVolume(
  file: RandomAccess,
): Promise<{ offset: number; bytes: number; label: string } | undefined> {
  for (let i = 0; i < MOST_DESCRIPTORS; i++) {
    const offset = FIRST_DESCRIPTOR + i * DESCRIPTOR_BYTES;
    if (offset + DESCRIPTOR_BYTES > file.size) return undefined;
    const bytes = await readBytes(file, offset, 256);
    const type = bytes[0];
    if (ascii(bytes, 1, 5) !== 'CD001' || type === 255) return undefined;
    if (type === 1) {
      return { offset, bytes: u32le(bytes, 80) * u16le(bytes, 128), label: ascii(bytes, 40, 32) };
    }
  }
  return undefined;
}
