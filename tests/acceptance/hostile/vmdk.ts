/** Hostile VMDK, ZVHD and ZVHD2 files. */
import type { Bases, Recipe } from './bases.ts';
import { created, noise } from './bases.ts';
import { cut, le32, le64, poke, sumZvhd } from './bytes.ts';
import type { Bytes } from './bytes.ts';

type Rows = readonly (readonly [
  title: string,
  make: Recipe['make'],
  where: Recipe['where'],
  code?: string,
])[];
const named = (format: string, rows: Rows): readonly Recipe[] =>
  rows.map(([title, make, where, code]) => ({ title, make, where, format, ...(code ? { code } : {}) }));

const m =
  (...patches: readonly (readonly [number, Bytes])[]) =>
  (b: Bases): Buffer =>
    poke(b.vmdk, ...patches);
const s =
  (...patches: readonly (readonly [number, Bytes])[]) =>
  (b: Bases): Buffer =>
    poke(b.vmdkStream, ...patches);

/** Change the embedded descriptor, which keeps its room of 20 sectors. */
const descriptor =
  (from: RegExp, to: string) =>
  (b: Bases): Buffer => {
    const room = 20 * 512;
    const text = b.vmdk
      .subarray(512, 512 + room)
      .toString('latin1')
      .replace(/\0+$/, '')
      .replace(from, to);
    return poke(b.vmdk, [
      512,
      Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(room)]).subarray(0, room),
    ]);
  };
const text = (extent: string): string =>
  `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n${extent}\n`;
/** Sector of the first grain table of the redundant (48) or first (56) directory, in bytes. */
const tableAt = (file: Buffer, field: 48 | 56): number =>
  file.readUInt32LE(Number(file.readBigUInt64LE(field)) * 512) * 512;
/** Patch entry `index` of the grain tables of both directories. */
const grain =
  (index: number, bytes: (file: Buffer) => Bytes) =>
  (b: Bases): Buffer =>
    poke(
      b.vmdk,
      ...([48, 56] as const).map((field) => [tableAt(b.vmdk, field) + index * 4, bytes(b.vmdk)] as const),
    );

const vmdk = named('vmdk', [
  [
    'H2 capacity 2^48 − 1 sectors',
    m([12, [255, 255, 255, 255, 255, 255, 0, 0]]),
    /capacity at byte 12/,
    'IMG.0111',
  ],
  ['H2 CVE-2014-0142 grains of 0 sectors', m([20, le64(0)]), 'grain_size at byte 20'],
  ['H2 grain tables of 2^32 − 1 entries', m([44, le32(0xffff_ffff)]), 'table_entries at byte 44'],
  ['H3 both directories behind the end', m([48, le64(2 ** 32)], [56, le64(2 ** 32)]), 'gd_offset at byte 56'],
  ['H5 a disk of 1025 GiB', () => streamOf1025GiB(), /./, 'IMG.0111'],
  [
    'H20 CVE-2022-47951 a flat extent of the host',
    () => Buffer.from(text('RW 2048 FLAT "/etc/hostname" 0')),
    /at byte \d+/,
  ],
  [
    'H20 an extent with a URL',
    () => Buffer.from(text('RW 2048 FLAT "nbd://127.0.0.1:10809/x" 0')),
    /at byte \d+/,
  ],
  [
    'H20 an extent in a folder above',
    () => Buffer.from(text('RW 2048 SPARSE "../../x.vmdk"')),
    /at byte \d+/,
  ],
  [
    'H20 a descriptor before which a comment stands',
    () => Buffer.from(`#x\n\n${text('RW 2048 FLAT "/etc/hostname" 0')}`),
    /at byte \d+/,
  ],
  ['H20 capacity 0', m([12, le64(0)]), 'capacity at byte 12'],
  [
    'H20 a second extent',
    descriptor(/(RW \d+ SPARSE .*\n)/, '$1RW 100 FLAT "/etc/passwd" 0\n'),
    /extent at byte \d+/,
  ],
  ['H21 parentCID', descriptor(/parentCID=ffffffff/, 'parentCID=12345678'), /parentCID at byte \d+/],
  [
    'H21 parent file name',
    descriptor(/\nparentCID/, '\nparentFileNameHint="/etc/passwd"\nparentCID'),
    /parentFileNameHint at byte \d+/,
  ],
  [
    'H23 encryption keys',
    descriptor(/\n#DDB/, '\nencryption.keySafe = "vmware:key/list/x"\n#DDB'),
    /at byte \d+/,
  ],
  ['H25 version 4', m([4, le32(4)]), 'version at byte 4'],
  ['a transfer in text mode', m([73, [10, 32, 10, 10]]), 'newline_check at byte 73'],
  ['H30 extent line of another size', descriptor(/RW \d+ SPARSE/, 'RW 99 SPARSE'), /extent at byte \d+/],
  ['H33 __proto__ as a key', descriptor(/\nCID=/, '\n__proto__="x" y\nCID='), /descriptor at byte \d+/],
  [
    'H33 a line of 5000 characters',
    descriptor(/\nCID=/, `\n#${'x'.repeat(5000)}\nCID=`),
    /descriptor at byte \d+/,
  ],
  ['H33 H4 a descriptor of 1 GiB', m([36, le64(2 ** 21)]), /descriptor_(size|offset) at byte \d+/],
  [
    'H10 two guest grains on one',
    grain(48, (file) => file.subarray(tableAt(file, 56), tableAt(file, 56) + 4)),
    /share.*grain_table\[48\] at byte \d+/,
  ],
  ['H8 a grain on the descriptor', grain(0, () => le32(1)), /grain_table\[0\] at byte \d+/],
  ['H3 a grain behind the end', grain(0, () => le32(0x00ff_ffff)), /grain_table\[0\] at byte \d+/],
  [
    'H29 two directories that differ',
    (b) => poke(b.vmdk, [tableAt(b.vmdk, 48), le32(256)]),
    /grain_table\[0\] at byte \d+/,
  ],
  ['H16 cut at 60 %', (b) => cut(b.vmdk), /cut short/],
  ['H16 streamOptimized cut at 60 %', (b) => cut(b.vmdkStream), /cut short/],
  ['H11 a marker of another LBA than its table entry', s([65536, le32(1_000_000)]), /at byte \d+/],
  ['H11 a marker of 2^32 − 1 bytes', s([65536 + 8, le32(0xffff_ffff)]), /at byte \d+/],
  ['H11 a marker of 0 bytes', s([65536 + 8, le32(0)]), /at byte \d+/],
  ['seSparse', () => poke(Buffer.alloc(65536), [0, le64(0xcafe_babe)]), /seSparse|sparse/i],
]);

/** A stream of a big capacity: qemu-img's own directories in front would be hundreds of MB. */
function streamOf1025GiB(): Buffer {
  return created('-f', 'vmdk', '-o', 'subformat=streamOptimized', '1025G');
}

const last = (file: Buffer): number => file.length - 4096;
const final =
  (base: 'zvhd2' | 'zvhd2zlib', at: number, bytes: Bytes) =>
  (b: Bases): Buffer =>
    sumZvhd(poke(b[base], [last(b[base]) + at, bytes]), last(b[base]));
/** Patch the first ZVHD2 index entry. */
const index =
  (at: number, bytes: Bytes) =>
  (b: Bases): Buffer =>
    poke(b.zvhd2, [Number(b.zvhd2.readBigUInt64LE(last(b.zvhd2) + 96)) + at, bytes]);
const firstRecord = 4096;

const zvhd2 = named('zvhd2', [
  ['wrong checksum', (b) => poke(b.zvhd2, [100, [77]]), 'checksum at byte 64'],
  [
    'wrong checksum of the final header',
    (b) => poke(b.zvhd2, [last(b.zvhd2) + 300, [77]]),
    /checksum at byte \d+/,
  ],
  ['H1 size 2^60', final('zvhd2', 48, le64(2n ** 60n)), /size at byte \d+/],
  ['H2 blocks of 2^31 bytes', final('zvhd2', 88, le32(2 ** 31)), /block_size at byte \d+/],
  ['H3 index behind the end', final('zvhd2', 96, le64(2 ** 40)), /(index|bitmap)_offset at byte \d+/],
  ['H4 2^32 − 1 blocks', final('zvhd2', 92, le32(0xffff_ffff)), /block_count at byte \d+/],
  ['H25 version 2', final('zvhd2', 87, [2]), /version at byte \d+/],
  ['H25 compression 2', final('zvhd2', 141, [2]), /compression at byte \d+/],
  ['H10 H11 a block twice', index(16 + 8, le32(0)), /at byte \d+/],
  ['H3 a record behind the end', index(0, le64(2 ** 40)), /at byte \d+/],
  ['H8 a record on the header', index(0, le64(0)), /at byte \d+/],
  ['H17 an unaligned record', index(0, le64(firstRecord + 1)), /at byte \d+/],
  ['H15 bytes behind the end mark', (b) => Buffer.concat([b.zvhd2, noise(4096, 'more')]), /at byte \d+/],
  ['H16 cut at 60 %', (b) => cut(b.zvhd2), /at byte \d+/],
]);

const zvhd = named('zvhd', [
  ['wrong checksum', (b) => poke(b.zvhd, [100, [77]]), 'checksum at byte 64'],
  ['H1 size 2^60', (b) => sumZvhd(poke(b.zvhd, [48, le64(2n ** 60n)]), 0), /size at byte \d+/],
  ['H25 format version 9', (b) => sumZvhd(poke(b.zvhd, [12, le32(0x90000)]), 0), /version at byte 12/],
  ['a record without its prefix', (b) => poke(b.zvhd, [firstRecord, 'HWSTREAM']), /at byte 4096/],
  [
    'H6 a record of 2^32 − 1 bytes',
    (b) => poke(b.zvhd, [firstRecord + 12, le32(0xffff_ffff)]),
    /at byte \d+/,
  ],
  ['H6 a record of 0 bytes', (b) => poke(b.zvhd, [firstRecord + 12, le32(0)]), /at byte \d+/],
  ['H2 block number 2^32 − 1', (b) => poke(b.zvhd, [firstRecord + 16, le32(0xffff_ffff)]), /at byte \d+/],
  ['H15 bytes behind the end mark', (b) => Buffer.concat([b.zvhd, noise(4096, 'more')]), /at byte \d+/],
  ['H16 cut at 60 %', (b) => cut(b.zvhdTwo), /at byte \d+/],
]);

const inData: readonly Recipe[] = [
  {
    format: 'vmdk',
    title: 'H6 noise for a grain',
    make: s([65536 + 12, noise(300, 'x')]),
    where: /at byte \d+/,
  },
  {
    format: 'zvhd2',
    title: 'H6 noise for a zstd block',
    make: (b: Bases) => poke(b.zvhd2, [firstRecord + 48 + 4, noise(64, 'x')]),
    where: /at byte \d+/,
  },
  {
    format: 'zvhd2',
    title: 'H6 noise for a zlib block',
    make: (b: Bases) => poke(b.zvhd2zlib, [firstRecord + 48, noise(64, 'x')]),
    where: /at byte \d+/,
  },
  {
    format: 'zvhd',
    title: 'H6 noise in the stream',
    make: (b: Bases) => poke(b.zvhdTwo, [firstRecord + 48 + 2, noise(64, 'x').fill(0xff, 0, 8)]),
    where: /at byte \d+/,
  },
].map((recipe) => ({ ...recipe, inData: true as const }));

export const vmdkRecipes: readonly Recipe[] = [...vmdk, ...zvhd2, ...zvhd, ...inData];
