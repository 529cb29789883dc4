/** Hostile QCOW2, QCOW and QED files. */
import { deflateRawSync } from 'node:zlib';
import type { Bases, Recipe } from './bases.ts';
import { created, noise } from './bases.ts';
import { be32, be64, cut, le32, le64, poke } from './bytes.ts';

const KiB64 = 0x10000;
const l1 = 0x30000;
const l2 = 0x40000;
/** Guest byte 3 MiB lies in this entry of the one L2 table. */
const l2Middle = l2 + 48 * 8;
const past = be64(0x8000_0001_0000_0000n);

type Patch = Parameters<typeof poke>[1];
const q =
  (...patches: readonly Patch[]) =>
  (b: Bases): Buffer =>
    poke(b.qcow2, ...patches);

/** A backing file by name, written over the space behind the header. */
const backing = (name: string): ((b: Bases) => Buffer) =>
  q([8, be64(0x400)], [16, be32(Buffer.byteLength(name))], [0x400, Buffer.from(name)]);

const rows: readonly (readonly [
  title: string,
  make: Recipe['make'],
  where: Recipe['where'],
  code?: string,
])[] = [
  ['H1 virtual size 2^63 − 512', q([24, be64(0x7fff_ffff_ffff_fe00n)]), 'size at byte 24'],
  ['H1 L2 entry with offset bits 53 to 55', q([l2, be64(0x80e0_0000_0000_0000n)]), `l2_entry at byte ${l2}`],
  ['H1 cluster_bits 31', q([20, be32(31)]), 'cluster_bits at byte 20'],
  ['H3 L1 behind the end', q([40, be64(0x1_0000_0000)]), 'l1_table_offset at byte 40'],
  ['H3 L2 behind the end', q([l1, past]), `l1_entry at byte ${l1}`],
  ['H3 data behind the end', q([l2, past]), `l2_entry at byte ${l2}`],
  [
    'H3 CVE-2014-0144 refcount table behind the end',
    q([48, be64(0x1_0000_0000)]),
    'refcount_table_offset at byte 48',
  ],
  ['H4 CVE-2014-0143 2^32 − 1 L1 entries', q([36, be32(0xffff_ffff)]), 'l1_size at byte 36'],
  [
    'H4 CVE-2014-0144 2^32 − 1 refcount table clusters',
    q([56, be32(0xffff_ffff)]),
    'refcount_table_clusters at byte 56',
  ],
  [
    'H4 CVE-2014-0143 CVE-2014-0145 2^32 − 1 snapshots',
    q([60, be32(0xffff_ffff)], [64, be64(0x50000)]),
    'nb_snapshots at byte 60',
  ],
  [
    'H4 a snapshot with 2^32 − 1 bytes of extra data',
    q(
      [60, be32(1)],
      [64, be64(0x50000)],
      [0x50000, [...be64(l1), ...be32(1), ...Buffer.alloc(24), 255, 255, 255, 255]],
    ),
    'extra_data_size at byte 327716',
  ],
  [
    'H5 a disk of 63 TiB',
    () => created('-f', 'qcow2', '63T'),
    /69269232549888 bytes, the limit is/,
    'IMG.0111',
  ],
  [
    'H5 a disk of 1025 GiB',
    () => created('-f', 'qcow2', '1025G'),
    /1100585369600 bytes, the limit is/,
    'IMG.0111',
  ],
  ['H5 virtual size 2^50', q([24, be64(2 ** 50)]), /size at byte 24/, 'IMG.0111'],
  ['H6 H7 CVE-2014-0147 512 GiB on one compressed cluster of 2 KiB', bomb, /share.*l2_entry at byte \d+/],
  ['H7 two guest clusters on one compressed cluster', sharedPacked, /share.*l2_entry at byte \d+/],
  ['H8 an L1 entry that names the L1 table', q([l1, be64(0x8000_0000_0003_0000n)]), `l1_entry at byte ${l1}`],
  ['H8 an L2 table that is its own data', q([l2, be64(0x8000_0000_0004_0000n)]), `l2_entry at byte ${l2}`],
  ['H8 data in the header', q([l2, be64(0x4000_0000_0000_0000n)]), `l2_entry at byte ${l2}`],
  [
    'H9 a header extension longer than its cluster',
    q([112, be32(0x6803f857)], [116, be32(0xffff_fff0)]),
    'extension_length at byte 116',
  ],
  ['H9 empty header extensions without end', endlessExtensions, /extension_type at byte \d+/],
  [
    'H10 two guest clusters on one',
    q([l2Middle, be64(0x8000_0000_0005_0000n)]),
    new RegExp(`share.*l2_entry at byte ${l2Middle}`),
  ],
  ['H17 unaligned L1', q([40, be64(l1 + 8)]), 'l1_table_offset at byte 40'],
  ['H17 unaligned data', q([l2, be64(0x8000_0000_0005_0200n)]), `l2_entry at byte ${l2}`],
  ['H17 unaligned refcount table', q([48, be64(KiB64 + 512)]), 'refcount_table_offset at byte 48'],
  [
    'H18 CVE-2015-5163 backing file',
    backing('/etc/passwd'),
    /"\/etc\/passwd".*backing_file_offset at byte 8/,
  ],
  [
    'H18 backing file by qemu-img',
    () => created('-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', '1M'),
    'backing_file_offset at byte 8',
  ],
  ['H18 backing file without a name', backing(''), 'backing_file_offset at byte 8'],
  [
    'H18 backing file name of 1024 bytes',
    q([8, be64(0x400)], [16, be32(1024)]),
    'backing_file_size at byte 16',
  ],
  [
    'H19 CVE-2024-32498 data file',
    q([79, [4]], [112, [...be32(0x44415441), ...be32(11), ...Buffer.from('/etc/shadow'), 0, 0, 0, 0, 0]]),
    'incompatible_features at byte 79',
  ],
  [
    'H19 H22 CVE-2024-4467 data file with a json: name',
    q([79, [4]], [112, [...be32(0x44415441), ...be32(24), ...Buffer.from('json:{"driver":"nbd",   }')]]),
    'incompatible_features at byte 79',
  ],
  [
    'H22 backing file with a json: name',
    backing('json:{"driver":"null-co","size":1048576}'),
    'backing_file_offset at byte 8',
  ],
  ['H23 AES', q([32, be32(1)]), 'crypt_method at byte 32'],
  ['H23 LUKS', q([32, be32(2)]), 'crypt_method at byte 32'],
  ['H24 marked corrupt', q([79, [2]]), 'incompatible_features at byte 79'],
  ['H25 unknown feature bit 5', q([79, [0x20]]), 'incompatible_features at byte 72'],
  ['H25 version 4', q([4, be32(4)]), 'version at byte 4'],
  ['H25 compression type 7', q([79, [8]], [104, [7]]), 'compression_type at byte 104'],
  [
    'H26 escapes in a name',
    backing('\u001B[31mx\r\nINFO ok\u202Egnp'),
    /"\\x1b\[31mx\\r\\nINFO ok\\u202egnp"|\\x1b/,
  ],
  ['H30 virtual size of no whole sectors', q([24, be64(6_291_457)]), 'size at byte 24'],
  ['H16 cut at 60 %', (b) => cut(b.qcow2), /cut short/],
  ['H16 cut at 60 % (zlib)', (b) => cut(b.qcow2zlib), /cut short/],
  ['H16 cut at 60 % (zstd)', (b) => cut(b.qcow2zstd), /cut short/],
  ['H16 cut at 60 % (version 2)', (b) => cut(b.qcow2v2), /cut short/],
  ['H16 only the first 64 bytes', (b) => b.qcow2.subarray(0, 64), /header at byte 0|cut short/],
  [
    'H25 extended L2: both bits of a subcluster',
    (b) => poke(b.qcow2extended, ...extendedBoth(b)),
    /l2_entry at byte \d+/,
  ],
];

/** Bits "allocated" and "zero" of the first subcluster. */
function extendedBoth(b: Bases): readonly Patch[] {
  const l1At = Number(b.qcow2extended.readBigUInt64BE(40));
  const l2At = Number(b.qcow2extended.readBigUInt64BE(l1At) & 0x00ff_ffff_ffff_fe00n);
  return [[l2At + 8, be64(0x0000_0001_0000_0001n)]];
}

/** cluster_bits 21; every L2 entry of the first table on one compressed cluster of zeros. */
function bomb(): Buffer {
  const cluster = 2 ** 21;
  const packed = deflateRawSync(Buffer.alloc(cluster), { windowBits: 12 });
  const file = Buffer.alloc(6 * cluster);
  file.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
  file.set(be32(21), 20);
  file.set(be64(2 ** 39), 24);
  file.set(be32(1), 36);
  file.set(be64(3 * cluster), 40);
  file.set(be64(cluster), 48);
  file.set(be32(1), 56);
  file.set(be32(4), 96);
  file.set(be32(104), 100);
  file.set(be64(2 * cluster), cluster);
  file.set(be64(BigInt(4 * cluster) | (1n << 63n)), 3 * cluster);
  const sectors = BigInt(Math.ceil(packed.length / 512) - 1);
  const entry = be64((1n << 62n) | (sectors << 49n) | BigInt(5 * cluster));
  for (let i = 0; i < cluster / 8; i++) file.set(entry, 4 * cluster + i * 8);
  file.set(packed, 5 * cluster);
  return file;
}

/** Where a compressed QCOW2 has its first packed entry. */
function packedEntry(file: Buffer): { at: number; host: number; entry: bigint } {
  const table = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(40))) & 0x00ff_ffff_ffff_fe00n);
  for (let at = table; ; at += 8) {
    const entry = file.readBigUInt64BE(at);
    if (entry & (1n << 62n)) return { at, host: Number(entry & ((1n << 54n) - 1n)), entry };
  }
}

function sharedPacked(b: Bases): Buffer {
  const { at, entry } = packedEntry(b.qcow2zlib);
  return poke(b.qcow2zlib, [at + 8, be64(entry)]);
}

function endlessExtensions(b: Bases): Buffer {
  const file = Buffer.from(b.qcow2);
  for (let at = 112; at < KiB64; at += 8) file.set([0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0], at);
  return file;
}

/** Another payload in the first packed cluster; only unpacking shows it. */
const payload =
  (base: 'qcow2zlib' | 'qcow2zstd', bytes: Uint8Array) =>
  (b: Bases): Buffer =>
    poke(b[base], [packedEntry(b[base]).host, bytes]);

const inData: readonly Recipe[] = [
  { title: 'H6 noise for a zlib cluster', make: payload('qcow2zlib', noise(400, 'x').fill(0xff, 0, 8)) },
  {
    title: 'H6 a zlib cluster that gives 1 KiB',
    make: payload('qcow2zlib', deflateRawSync(Buffer.alloc(1024))),
  },
  { title: 'H6 noise for a zstd cluster', make: payload('qcow2zstd', noise(400, 'x')) },
  {
    title: 'H6 a zstd frame that declares 1 TiB',
    make: payload('qcow2zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0])),
  },
].map((recipe) => ({
  ...recipe,
  format: 'qcow2',
  where: /packed unit|zstd frame/,
  inData: true,
}));

const qcowAes = (b: Bases): Buffer => poke(b.qcow, [36, be32(1)]);
/** 48 bytes of header claim an L1 of 256 MiB, which qemu takes as memory. */
function qcowTableBomb(): Buffer {
  const file = Buffer.alloc(4096);
  file.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 1]);
  file.set(be64(2 ** 40), 24);
  file.set([9, 6], 32);
  file.set(be64(48), 40);
  return file;
}

const qcow: readonly Recipe[] = (
  [
    [
      'H4 CVE-2014-0222 CVE-2014-0223 a computed L1 of 256 MiB',
      qcowTableBomb,
      /l1_(table_)?(offset|size)|size at byte \d+/,
    ],
    ['H1 cluster_bits 40', (b) => poke(b.qcow, [32, [40]]), 'cluster_bits at byte 32'],
    ['CVE-2014-0222 l2_bits 255', (b) => poke(b.qcow, [33, [255]]), 'l2_bits at byte 33'],
    [
      'H18 backing file',
      (b) => poke(b.qcow, [8, be64(0x38)], [16, be32(4)], [0x38, '/etc']),
      'backing_file_offset at byte 8',
    ],
    [
      'H18 backing file by qemu-img',
      () => created('-f', 'qcow', '-u', '-b', '/etc/passwd', '-F', 'raw', '1M'),
      'backing_file_offset at byte 8',
    ],
    ['H23 AES', qcowAes, 'crypt_method at byte 36'],
    ['H3 L2 behind the end', (b) => poke(b.qcow, [48, be64(0x1_0000_0000)]), /at byte 48/],
    ['H8 an L2 table in the header', (b) => poke(b.qcow, [48, be64(8)]), /at byte (24|48)/],
    ['H10 H8 two L2 tables in one place', (b) => poke(b.qcow, [56, b.qcow.subarray(48, 56)]), /at byte 56/],
    ['H16 cut at 60 %', (b) => cut(b.qcow), /cut short/],
  ] as readonly (readonly [string, Recipe['make'], Recipe['where']])[]
).map(([title, make, where]) => ({ title, make, where, format: 'qcow' }));

const qed: readonly Recipe[] = (
  [
    [
      'H18 backing file',
      (b) => poke(b.qed, [16, [1]], [56, le32(0x100)], [60, le32(4)], [0x100, '/etc']),
      /"\/etc".* at byte \d+/,
    ],
    ['H25 feature bit 3', (b) => poke(b.qed, [16, [8]]), 'features at byte 16'],
    ['H1 image size 2^63', (b) => poke(b.qed, [48, le64(2n ** 63n)]), 'image_size at byte 48'],
    ['H2 cluster size 2^31', (b) => poke(b.qed, [4, le32(2 ** 31)]), 'cluster_size at byte 4'],
    ['H3 L1 behind the end', (b) => poke(b.qed, [40, le64(0x1_0000_0000)]), /l1_(table_)?offset at byte 40/],
    ['H3 L2 behind the end', (b) => poke(b.qed, [KiB64, le64(0x1_0000_0000)]), /at byte 65536/],
    ['H8 L1 in the header', (b) => poke(b.qed, [40, le64(0)]), /at byte 40|at byte 0/],
    ['H8 an L2 table that is the L1 table', (b) => poke(b.qed, [KiB64, le64(KiB64)]), /at byte 65536/],
    ['H17 unaligned L2', (b) => poke(b.qed, [KiB64, le64(KiB64 * 5 + 512)]), /at byte 65536/],
    ['H10 two guest clusters on one', qedDuplicate, /share.* at byte \d+/],
    [
      'H24 marked to be checked, and the check fails',
      (b) => poke(qedDuplicate(b), [16, [2]]),
      /share.* at byte \d+/,
    ],
    ['H16 cut at 60 %', (b) => cut(b.qed), /cut short/],
  ] as readonly (readonly [string, Recipe['make'], Recipe['where']])[]
).map(([title, make, where]) => ({ title, make, where, format: 'qed' }));

function qedDuplicate(b: Bases): Buffer {
  const table = Number(b.qed.readBigUInt64LE(Number(b.qed.readBigUInt64LE(40))));
  return poke(b.qed, [table + 48 * 8, b.qed.subarray(table, table + 8)]);
}

export const qcowRecipes: readonly Recipe[] = [
  ...rows.map(([title, make, where, code]) => ({
    title,
    make,
    where,
    format: 'qcow2',
    ...(code ? { code } : {}),
  })),
  ...inData,
  ...qcow,
  ...qed,
];
