/** Files of two formats, wrapped files, and files that are no disk at all. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Bases, Recipe } from './bases.ts';
import { noise } from './bases.ts';
import { be32, le32, poke } from './bytes.ts';

const vdiMagic = [0x7f, 0x10, 0xda, 0xbe];
const footer = (b: Bases): Buffer => b.vhdFixed.subarray(b.vhdFixed.length - 512);
/** An MBR with one partition, in front of noise. */
const mbr = (): Buffer =>
  poke(
    Buffer.concat([Buffer.alloc(512), noise(65_536, 'mbr')]),
    [446, [0x80, 0, 2, 0, 0x83, 0, 20, 0, 1, 0, 0, 0, 100]],
    [510, [0x55, 0xaa]],
  );
const iso = (): Buffer => {
  const file = Buffer.alloc(17 * 2048 + 4096);
  file.set([1, ...Buffer.from('CD001'), 1], 16 * 2048);
  file.set([...le32(19), ...be32(19)], 16 * 2048 + 80);
  file.set([255, ...Buffer.from('CD001'), 1], 17 * 2048);
  return file;
};

const rows: readonly (readonly [title: string, make: Recipe['make'], where: Recipe['where']])[] = [
  [
    'H12 CVE-2024-40767 CVE-2026-24708 an MBR disk that starts with a QCOW2 header',
    (b) => poke(mbr(), [0, b.qcow2.subarray(0, 112)]),
    /qcow2/,
  ],
  ['H12 QCOW2 with the mark of VDI at 64', (b) => poke(b.qcow2, [64, vdiMagic]), /qcow2.*vdi|vdi.*qcow2/],
  [
    'H12 QCOW2 with the footer of a fixed VHD',
    (b) => Buffer.concat([b.qcow2, footer(b)]),
    /qcow2.*vhd|vhd.*qcow2/,
  ],
  ['H12 an MBR disk with the mark of VDI at 64', () => poke(mbr(), [64, vdiMagic]), /vdi/],
  [
    'H12 H20 a disk whose first sector is a VMDK descriptor',
    () =>
      poke(Buffer.alloc(65_536, 10), [
        0,
        `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/hostname" 0\n`,
      ]),
    /vmdk/,
  ],
  ['H12 QCOW2 in an ISO', (b) => poke(iso(), [0, b.qcow2.subarray(0, 112)]), /qcow2.*iso|iso.*qcow2/],
  [
    'H12 VMDK with the footer of a fixed VHD',
    (b) => Buffer.concat([b.vmdk, footer(b)]),
    /vmdk.*vhd|vhd.*vmdk/,
  ],
  ['H14 gzip', (b) => gzipSync(b.qcow2), /gzip/],
  ['H14 zstd', (b) => zstdCompressSync(b.qcow2), /zstd/],
  [
    'H14 xz',
    () => Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]), noise(5000, 'xz')]),
    /xz/,
  ],
  ['H14 zip', () => Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4, 20, 0]), noise(5000, 'zip')]), /zip/],
  [
    'H14 7z',
    () => Buffer.concat([Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), noise(5000, '7z')]),
    /7z/,
  ],
  ['H14 bzip2', () => Buffer.concat([Buffer.from('BZh91AY&SY'), noise(5000, 'bz')]), /bzip2/],
  [
    'H14 tar',
    (b) => Buffer.concat([poke(Buffer.alloc(512), [0, 'disk.qcow2'], [257, 'ustar\u000000']), b.qcow2]),
    /tar/,
  ],
  [
    'H23 a LUKS disk',
    () => poke(noise(65_536, 'luks'), [0, [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]]),
    /luks/i,
  ],
  ['CVE-2014-0142 Parallels', () => poke(noise(65_536, 'p'), [0, 'WithoutFreeSpace']), /parallels/i],
  ['CVE-2014-0145 DMG', () => poke(noise(65_536, 'dmg'), [65_024, 'koly']), /dmg/i],
  ['CVE-2014-0147 Bochs', () => poke(noise(65_536, 'b'), [0, 'Bochs Virtual HD Image\0']), /bochs/i],
  [
    'CVE-2014-0143 CVE-2014-0144 cloop',
    () => poke(noise(65_536, 'c'), [0, '#!/bin/sh\n#V2.0 Format\n']),
    /cloop/i,
  ],
  ['H31 an HTML page', () => Buffer.from('\n <!doctype html><title>404 Not Found</title>'), /page|html/i],
  ['H31 a long HTML page', () => Buffer.from(`<HTML><body>${'<p>gone</p>'.repeat(5000)}`), /page|html/i],
  [
    'H31 an XML error of a storage service',
    () => Buffer.from('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'),
    /xml/i,
  ],
  ['H31 JSON', () => Buffer.from('{"error":{"code":404}}'), /json/i],
  [
    'H31 a checksum file',
    () => Buffer.from(`${'0123456789abcdef'.repeat(4)}  disk.qcow2\n`),
    /a list of checksums/,
  ],
  [
    'H31 an LFS pointer',
    () =>
      Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 12345\n`),
    /text|lfs/i,
  ],
  [
    'H31 a torrent',
    () => Buffer.from('d8:announce35:udp://tracker.example.com:6969/announce13:creation datei1700000000ee'),
    /text|torrent/i,
  ],
];

export const foreignRecipes: readonly Recipe[] = rows.map(([title, make, where]) => ({
  title,
  make,
  where,
  format: '',
}));
