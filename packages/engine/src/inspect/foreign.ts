import { u16be } from '../bytes/integers.ts';
import { shownText } from '../bytes/text.ts';
import type { DiskErrorKind } from '../errors.ts';
import type { Ends } from '../formats/driver.ts';

/** Content that is no disk image of ours, by name; all of it is refused. */
export interface Foreign {
  readonly name: string;
  readonly offset: number;
  readonly kind: DiskErrorKind;
  /** What it is, for people. */
  readonly fact: string;
  readonly wayOut: string;
}

const UNPACK = 'unpack it and upload the disk image inside';
const CONVERT = 'convert it to qcow2 or raw first';
const AGAIN = 'the download probably failed; fetch the disk image again';

type Magic = readonly [
  name: string,
  offset: number,
  bytes: readonly number[] | string,
  fact: string,
  wayOut: string,
];

const magics: readonly Magic[] = [
  ['parallels', 0, 'WithoutFreeSpace', 'a Parallels disk', CONVERT],
  ['parallels', 0, 'WithouFreSpacExt', 'a Parallels disk', CONVERT],
  ['bochs', 0, 'Bochs Virtual HD Image', 'a Bochs disk', CONVERT],
  ['cloop', 0, '#!/bin/sh\n#V2.0 Format\n', 'a cloop disk', CONVERT],
  ['wim', 0, [0x4d, 0x53, 0x57, 0x49, 0x4d], 'a Windows imaging (WIM) archive', 'apply it to a disk first'],
  ['gzip', 0, [0x1f, 0x8b, 0x08], 'a gzip file', UNPACK],
  ['xz', 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'an xz file', UNPACK],
  ['zstd', 0, [0x28, 0xb5, 0x2f, 0xfd], 'a zstd file', UNPACK],
  ['7z', 0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], 'a 7z archive', UNPACK],
  ['zip', 0, [0x50, 0x4b, 0x03, 0x04], 'a zip archive', UNPACK],
  ['tar', 257, 'ustar', 'a tar archive (perhaps an OVA)', UNPACK],
];

const startsWith = (bytes: Uint8Array, at: number, magic: readonly number[] | string): boolean => {
  if (at + magic.length > bytes.length) return false;
  for (let i = 0; i < magic.length; i++) {
    const wanted = typeof magic === 'string' ? magic.charCodeAt(i) : magic[i];
    if (bytes[at + i] !== wanted) return false;
  }
  return true;
};

/** All foreign content that the first and last bytes show. */
export function foreignContent({ size, head, tail }: Ends): Foreign[] {
  const found: Foreign[] = [];
  for (const [name, offset, magic, fact, wayOut] of magics) {
    if (startsWith(head, offset, magic)) found.push({ name, offset, kind: 'disk-unsupported', fact, wayOut });
  }
  if (startsWith(head, 0, 'BZh') && head[3]! >= 0x31 && head[3]! <= 0x39) {
    found.push({ name: 'bzip2', offset: 0, kind: 'disk-unsupported', fact: 'a bzip2 file', wayOut: UNPACK });
  }
  if (startsWith(head, 0, [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]) && head.length >= 8) {
    const version = u16be(head, 6);
    if (version === 1 || version === 2) {
      const fact = `a LUKS${version} encrypted volume`;
      const wayOut = 'decrypt it before the upload';
      found.push({ name: 'luks', offset: 0, kind: 'disk-encrypted', fact, wayOut });
    }
  }
  if (tail.length >= 512 && startsWith(tail, tail.length - 512, 'koly')) {
    const fact = 'an Apple disk image (DMG)';
    found.push({ name: 'dmg', offset: size - 512, kind: 'disk-unsupported', fact, wayOut: CONVERT });
  }
  const text = textContent(head);
  if (text) found.push(text);
  return found;
}

const QUOTED = 80;

/** A web page, an error message or a note in place of a disk; quoted, so that people see what went wrong. */
function textContent(head: Uint8Array): Foreign | undefined {
  let start = startsWith(head, 0, [0xef, 0xbb, 0xbf]) ? 3 : 0;
  while (start < 512 && [0x20, 0x09, 0x0a, 0x0d].includes(head[start] ?? 0)) start++;
  const opening = new TextDecoder('latin1').decode(head.subarray(start, start + 200));
  const what = nameOfText(opening.toLowerCase());
  if (!what) return undefined;
  const quote = shownText(head.subarray(start, start + 4 * QUOTED), QUOTED);
  return {
    name: what.name,
    offset: start,
    kind: 'disk-unsupported',
    fact: `${what.fact}, not a disk: "${quote}"`,
    wayOut: AGAIN,
  };
}

/** @param opening lower case */
function nameOfText(opening: string): { name: string; fact: string } | undefined {
  if (opening.startsWith('<!doctype') || opening.startsWith('<html')) {
    return { name: 'html', fact: 'a web page' };
  }
  if (opening.startsWith('<?xml') || opening.startsWith('<error>')) {
    return { name: 'xml', fact: 'an XML document' };
  }
  if (opening.startsWith('{"')) return { name: 'json', fact: 'a JSON document' };
  if (opening.startsWith('version https://git-lfs')) return { name: 'lfs', fact: 'a Git LFS pointer' };
  if (opening.startsWith('d8:announce')) return { name: 'torrent', fact: 'a torrent' };
  if (/^[0-9a-f]{32,128} [ *][!-~]/.test(opening)) return { name: 'checksums', fact: 'a list of checksums' };
  return undefined;
}
