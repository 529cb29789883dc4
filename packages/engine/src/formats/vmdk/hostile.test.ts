import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { assertRefused } from '../testing.ts';
import { vmdk } from './driver.ts';
import { buildSparse, u32, u64, type BuiltVmdk, type VmdkShape } from './testing.ts';

interface Recipe {
  readonly title: string;
  readonly shape?: VmdkShape;
  readonly compressed?: boolean;
  readonly change?: (built: BuiltVmdk) => unknown;
  readonly expect: {
    kind: DiskErrorKind;
    field: string;
    offset: number | ((built: BuiltVmdk) => number);
    message?: RegExp;
  };
}

const headerRecipes: readonly Recipe[] = [
  {
    title: 'H25: version 4 is refused',
    change: ({ file }) => file.put(4, u32(4)),
    expect: { kind: 'disk-unsupported', field: 'version', offset: 4 },
  },
  {
    title: 'version 0 is refused',
    change: ({ file }) => file.put(4, u32(0)),
    expect: { kind: 'disk-unsupported', field: 'version', offset: 4 },
  },
  {
    title: 'a transfer in text mode is seen at the newlines',
    change: ({ file }) => file.put(73, Uint8Array.of(0x0d, 0x0a, 0x20, 0x0d)),
    expect: { kind: 'disk-corrupt', field: 'newline_check', offset: 73, message: /again as binary/ },
  },
  {
    title: 'compression 2 is refused',
    change: ({ file }) => file.put(77, Uint8Array.of(2)),
    expect: { kind: 'disk-unsupported', field: 'compression', offset: 77 },
  },
  {
    title: 'compression without its flags is refused',
    change: ({ file }) => file.put(77, Uint8Array.of(1)),
    expect: { kind: 'disk-corrupt', field: 'compression', offset: 77 },
  },
  {
    title: 'compressed grains without markers are refused',
    compressed: true,
    change: ({ file }) => file.put(8, u32(0x1_0003)),
    expect: { kind: 'disk-corrupt', field: 'compression', offset: 77 },
  },
  {
    title: 'H20: capacity 0, for which qemu opens the files that the descriptor names, is refused',
    shape: {
      descriptor: 'version=1\ncreateType="monolithicSparse"\nRW 2048 FLAT "/etc/hostname" 0\n',
    },
    change: ({ file }) => file.put(12, u64(0)),
    expect: { kind: 'disk-unsafe', field: 'capacity', offset: 12 },
  },
  {
    title: 'H2: a capacity of 2^48 − 1 sectors is refused',
    change: ({ file }) => file.put(12, u64(2 ** 48 - 1)),
    expect: { kind: 'disk-too-large', field: 'capacity', offset: 12 },
  },
  {
    title: 'H1: a capacity above 2^53 is refused',
    change: ({ file }) => file.put(12, new Uint8Array(8).fill(0xff)),
    expect: { kind: 'disk-corrupt', field: 'capacity', offset: 12 },
  },
  ...[0, 4, 100].map((grain): Recipe => ({
    title: `grains of ${grain} sectors are refused`,
    change: ({ file }) => file.put(20, u64(grain)),
    expect: { kind: 'disk-corrupt', field: 'grain_size', offset: 20 },
  })),
  {
    title: 'H6: grains above 1 MiB are refused',
    change: ({ file }) => file.put(20, u64(4096)),
    expect: { kind: 'disk-too-large', field: 'grain_size', offset: 20 },
  },
  ...[0, 513, 0xffff_ffff].map((entries): Recipe => ({
    title: `H2: grain tables of ${entries} entries are refused`,
    change: ({ file }) => file.put(44, u32(entries)),
    expect: { kind: 'disk-corrupt', field: 'table_entries', offset: 44 },
  })),
  {
    title: 'one part of a split disk, which has no descriptor, is refused',
    change: ({ file }) => file.put(28, u64(0)),
    expect: { kind: 'disk-unsafe', field: 'descriptor_offset', offset: 28, message: /split/ },
  },
  {
    title: 'H33: a descriptor above 64 KiB is refused before it is read',
    change: ({ file }) => file.put(36, u64(129)),
    expect: { kind: 'disk-too-large', field: 'descriptor_size', offset: 36 },
  },
  {
    title: 'H3: a descriptor behind the end of the file is refused',
    change: ({ file }) => file.put(28, u64(2 ** 50)),
    expect: { kind: 'disk-truncated', field: 'descriptor_offset', offset: 28 },
  },
];

const tableRecipes: readonly Recipe[] = [
  {
    title: 'H3: both directories behind the end of the file are refused',
    change: ({ file }) => file.put(48, u64(2 ** 40)).put(56, u64(2 ** 40)),
    expect: { kind: 'disk-truncated', field: 'gd_offset', offset: 56, message: /cut short/ },
  },
  {
    title: 'a disk without a directory is refused',
    change: ({ file }) => file.put(48, u64(0)).put(56, u64(0)),
    expect: { kind: 'disk-corrupt', field: 'gd_offset', offset: 56 },
  },
  {
    title: 'H3: grain tables behind the end of the file in both directories are refused',
    change: ({ file, directoryOffset, redundantOffset }) =>
      file.put(directoryOffset, u32(0xffff_0000)).put(redundantOffset, u32(0xffff_0000)),
    expect: { kind: 'disk-truncated', field: 'grain_directory[0]', offset: (b) => b.directoryOffset },
  },
  {
    title: 'H4: a directory above the limit is refused',
    shape: { capacity: 2 ** 37 },
    change: ({ file }) => file.put(20, u64(8)).put(44, u32(1)),
    expect: { kind: 'disk-too-large', field: 'gd_offset', offset: 56 },
  },
  {
    title: 'H29: directories whose tables differ are ambiguous',
    change: ({ file, redundantTableOffset, places }) =>
      file.put(redundantTableOffset + 4, u32(places[1]! / 512)),
    expect: { kind: 'disk-ambiguous', field: 'grain_table[1]', offset: (b) => b.redundantTableOffset + 4 },
  },
  {
    title: 'H29: a table that only the redundant directory has is ambiguous',
    change: ({ file, directoryOffset }) => file.put(directoryOffset, u32(0)),
    expect: { kind: 'disk-ambiguous', field: 'grain_table[0]', offset: (b) => b.redundantTableOffset },
  },
  {
    title: 'H29: a table that only the first directory has is ambiguous',
    change: ({ file, redundantOffset }) => file.put(redundantOffset, u32(0)),
    expect: { kind: 'disk-ambiguous', field: 'grain_table[0]', offset: (b) => b.tableOffset },
  },
  {
    title: 'H3: a grain behind the end of the file is refused at its entry',
    shape: { entries: new Map([[5, 0xffff_ff00]]) },
    expect: {
      kind: 'disk-truncated',
      field: 'grain_table[5]',
      offset: (b) => b.tableOffset + 20,
      message: /cut short/,
    },
  },
  {
    title: 'H10: two guest grains on one grain of the file are refused',
    shape: { grains: [[0, 1]], entries: new Map([[3, 128]]) },
    expect: {
      kind: 'disk-corrupt',
      field: 'grain_table[3]',
      offset: (b) => b.tableOffset + 12,
      message: /196608/,
    },
  },
  {
    title: 'H8: a grain on the descriptor is refused; entry 1 is no zero grain without its flag',
    shape: { entries: new Map([[5, 1]]) },
    expect: {
      kind: 'disk-corrupt',
      field: 'grain_table[5]',
      offset: (b) => b.tableOffset + 20,
      message: /descriptor/,
    },
  },
  {
    title: 'H8: a grain on a grain table is refused',
    shape: { entries: new Map([[5, 24]]) },
    expect: { kind: 'disk-corrupt', field: 'grain_table[5]', offset: (b) => b.tableOffset + 20 },
  },
  {
    title: 'H8: a grain table in the descriptor is refused',
    change: ({ file, directoryOffset, redundantOffset }) =>
      file.put(directoryOffset, u32(10)).put(redundantOffset, u32(10)),
    expect: { kind: 'disk-corrupt', field: 'grain_directory[0]', offset: (b) => b.directoryOffset },
  },
  {
    title: 'H8: two directory entries on one table are refused',
    shape: { capacity: 2 * 65_536 },
    change: ({ file, directoryOffset, redundantOffset, tableOffset, redundantTableOffset }) =>
      file
        .put(directoryOffset + 4, u32(tableOffset / 512))
        .put(redundantOffset + 4, u32(redundantTableOffset / 512)),
    expect: { kind: 'disk-corrupt', field: 'grain_directory[1]', offset: (b) => b.directoryOffset + 4 },
  },
  {
    title: 'H11: a marker whose sector is not its table’s is refused',
    compressed: true,
    change: ({ file, places }) => file.put(places[0]!, u64(128)),
    expect: { kind: 'disk-corrupt', field: 'marker_lba', offset: (b) => b.places[0]! },
  },
  {
    title: 'H1: a marker with a sector above 2^53 is refused',
    compressed: true,
    change: ({ file, places }) => file.put(places[0]!, new Uint8Array(8).fill(0xff)),
    expect: { kind: 'disk-corrupt', field: 'marker_lba', offset: (b) => b.places[0]! },
  },
  {
    title: 'H11: a marker of 0 packed bytes is refused',
    compressed: true,
    change: ({ file, places }) => file.put(places[1]! + 8, u32(0)),
    expect: { kind: 'disk-corrupt', field: 'marker_size', offset: (b) => b.places[1]! + 8 },
  },
  {
    title: 'H6: a marker of more than two grains and a header of packed bytes is refused',
    compressed: true,
    change: ({ file, places }) => file.put(places[1]! + 8, u32(2 * 65_536 + 4097)),
    expect: { kind: 'disk-corrupt', field: 'marker_size', offset: (b) => b.places[1]! + 8 },
  },
  {
    title: 'H32: a packed grain whose bytes end behind the file is refused',
    compressed: true,
    change: ({ file, places }) => file.put(places[1]! + 8, u32(65_536)),
    expect: { kind: 'disk-truncated', field: 'marker_size', offset: (b) => b.places[1]! + 8 },
  },
  {
    title: 'H3: a marker behind the end of the file is refused at its entry',
    compressed: true,
    shape: { entries: new Map([[5, 0xffff_ff00]]) },
    expect: { kind: 'disk-truncated', field: 'grain_table[5]', offset: (b) => b.tableOffset + 20 },
  },
];

for (const { title, shape, compressed, change, expect } of [...headerRecipes, ...tableRecipes]) {
  test(`vmdk ${title}`, async () => {
    const createType = compressed ? { createType: 'streamOptimized' } : {};
    const built = buildSparse({ ...createType, ...shape }, compressed);
    change?.(built);
    const offset = typeof expect.offset === 'number' ? expect.offset : expect.offset(built);
    await assertRefused(vmdk, built.file, { ...expect, offset });
  });
}

test('vmdk H16: a monolithicSparse cut at 60 % is refused', async () => {
  const { file, places, tableOffset } = buildSparse({
    grains: [
      [0, 1],
      [1, 2],
      [9, 3],
    ],
  });
  await file.truncate(places[1]! + 4096);
  await assertRefused(vmdk, file, {
    kind: 'disk-truncated',
    field: 'grain_table[1]',
    offset: tableOffset + 4,
  });
});

test('vmdk: a seSparse extent is refused', async () => {
  const bytes = new Uint8Array(4096);
  bytes.set(Uint8Array.of(0xbe, 0xba, 0xfe, 0xca));
  await assertRefused(vmdk, memoryFile(bytes), { kind: 'disk-unsupported', field: 'magic', offset: 0 });
});

test('vmdk H31: files that are too short, down to no byte, are refused', async () => {
  for (const text of ['KDMV', 'COWD']) {
    const file = memoryFile(new TextEncoder().encode(text));
    await assertRefused(vmdk, file, { kind: 'disk-truncated', field: 'header', offset: 0 });
  }
  const empty = { kind: 'disk-unsafe', field: 'descriptor', offset: 0 } as const;
  await assertRefused(vmdk, memoryFile(new Uint8Array(0)), empty);
});
