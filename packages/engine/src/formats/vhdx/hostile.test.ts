import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import { putU32le, putU64le } from '../../bytes/integers.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { assertRefused } from '../testing.ts';
import { vhdx } from './driver.ts';
import {
  BAT_AT,
  buildVhdx,
  changeAt,
  changeRegions,
  headerBytes,
  itemAt,
  itemEntryAt,
  itemGuids,
  LOG_AT,
  METADATA_AT,
  MiB,
  present,
  u32,
  u64,
  type BuiltVhdx,
  type VhdxShape,
} from './testing.ts';

const NO_GUID = '00000000-0000-0000-0000-000000000000';
const ODD_GUID = 'deadbeef-0000-4000-8000-000000000001';
const HEADER_1 = 64 * 1024;
const HEADER_2 = 128 * 1024;
const REGIONS_1 = 192 * 1024;
const REGIONS_2 = 256 * 1024;

interface Recipe {
  readonly title: string;
  readonly shape?: VhdxShape;
  readonly change?: (built: BuiltVhdx) => Promise<unknown> | unknown;
  readonly expect: { kind: DiskErrorKind; field: string; offset: number; message?: RegExp };
}

const recipes: readonly Recipe[] = [
  {
    title: 'two bad headers are refused',
    change: ({ file }) => file.put(HEADER_1 + 9, u32(1)).put(HEADER_2 + 9, u32(1)),
    expect: { kind: 'disk-corrupt', field: 'header', offset: HEADER_1, message: /Hyper-V/ },
  },
  {
    title: 'H25: version 2 is refused',
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => header.fill(2, 66, 67)),
    expect: { kind: 'disk-unsupported', field: 'version', offset: HEADER_2 + 66 },
  },
  {
    title: 'H29: two headers of one sequence number that differ are ambiguous',
    change: ({ file }) => file.put(HEADER_1, headerBytes(5, ODD_GUID)),
    expect: { kind: 'disk-ambiguous', field: 'sequence_number', offset: HEADER_2 + 8 },
  },
  {
    title: 'two bad region tables are refused',
    change: ({ file }) => file.put(REGIONS_1 + 100, u32(1)).put(REGIONS_2 + 100, u32(1)),
    expect: { kind: 'disk-corrupt', field: 'region_table', offset: REGIONS_1 },
  },
  {
    title: 'H4: a region table of 2^32 − 1 entries is no region table',
    change: ({ file }) => changeRegions(file, (table) => putU32le(table, 8, 0xffff_ffff)),
    expect: { kind: 'disk-corrupt', field: 'region_table', offset: REGIONS_1 },
  },
  {
    title: 'H29: two good region tables that differ are ambiguous',
    change: ({ file }) => changeAt(file, REGIONS_2, 64 * 1024, (table) => putU64le(table, 32, 4 * MiB)),
    expect: { kind: 'disk-ambiguous', field: 'region[0]', offset: REGIONS_2 + 16 },
  },
  {
    title: 'H25: an unknown required region is refused',
    shape: { moreRegions: [{ guid: ODD_GUID, offset: 4 * MiB, length: MiB, required: true }] },
    expect: {
      kind: 'disk-unsupported',
      field: 'region_flags',
      offset: REGIONS_1 + 16 + 64 + 28,
      message: /deadbeef/,
    },
  },
  {
    title: 'H8: regions that overlap are refused',
    change: ({ file }) => changeRegions(file, (table) => putU64le(table, 48 + 16, BAT_AT)),
    expect: { kind: 'disk-corrupt', field: 'region_offset', offset: REGIONS_1 + 48 + 16, message: /overlap/ },
  },
  {
    title: 'H8: a region on the log is refused',
    change: ({ file }) => changeRegions(file, (table) => putU64le(table, 48 + 16, LOG_AT)),
    expect: { kind: 'disk-corrupt', field: 'region_offset', offset: REGIONS_1 + 48 + 16, message: /log/ },
  },
  {
    title: 'H17: a region that is not on a MiB is refused',
    change: ({ file }) => changeRegions(file, (table) => putU64le(table, 16 + 16, BAT_AT + 4096)),
    expect: { kind: 'disk-corrupt', field: 'region_offset', offset: REGIONS_1 + 16 + 16 },
  },
  {
    title: 'H3: a region behind the end of the file is refused',
    change: ({ file }) => changeRegions(file, (table) => putU64le(table, 48 + 16, 2 ** 40)),
    expect: {
      kind: 'disk-truncated',
      field: 'region_offset',
      offset: REGIONS_1 + 48 + 16,
      message: /cut short/,
    },
  },
  {
    title: 'H1: a region offset above 2^53 is refused',
    change: ({ file }) => changeRegions(file, (table) => table.fill(0xff, 48 + 16, 48 + 24)),
    expect: { kind: 'disk-corrupt', field: 'region_offset', offset: REGIONS_1 + 48 + 16 },
  },
  {
    title: 'a second BAT region is refused',
    shape: {
      moreRegions: [
        { guid: '2dc27766-f623-4200-9d64-115e9bfd4a08', offset: 4 * MiB, length: MiB, required: true },
      ],
    },
    expect: { kind: 'disk-corrupt', field: 'region_table', offset: REGIONS_1 + 16 + 64 },
  },
  {
    title: 'a metadata region without its mark is refused',
    change: ({ file }) => file.put(METADATA_AT, u32(0)),
    expect: { kind: 'disk-corrupt', field: 'metadata', offset: METADATA_AT },
  },
  {
    title: 'H4: 65 535 metadata items are refused',
    change: ({ file }) => file.put(METADATA_AT + 10, Uint8Array.of(0xff, 0xff)),
    expect: { kind: 'disk-corrupt', field: 'entry_count', offset: METADATA_AT + 10 },
  },
  {
    title: 'H25: an unknown required item is refused',
    shape: { moreItems: [{ guid: ODD_GUID, bytes: u32(1), flags: 4 }] },
    expect: { kind: 'disk-unsupported', field: 'metadata_item', offset: itemEntryAt(5), message: /deadbeef/ },
  },
  {
    title: 'a second size is refused',
    shape: { moreItems: [{ guid: itemGuids.size, bytes: u64(MiB) }] },
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemEntryAt(5) },
  },
  {
    title: 'an item that reaches out of its region is refused',
    change: ({ file }) => file.put(itemEntryAt(1) + 16, u32(MiB - 4)),
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemEntryAt(1) + 16 },
  },
  {
    title: 'an item inside the metadata table is refused',
    change: ({ file }) => file.put(itemEntryAt(1) + 16, u32(32)),
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemEntryAt(1) + 16 },
  },
  {
    title: 'H8: items that overlap are refused',
    change: ({ file }) => file.put(itemEntryAt(1) + 16, u32(64 * 1024 + 4)),
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemEntryAt(1) + 16 },
  },
  {
    title: 'an item of a wrong length is refused',
    change: ({ file }) => file.put(itemEntryAt(1) + 20, u32(4)),
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemEntryAt(1) + 16 },
  },
  {
    title: 'a disk without a sector size is refused',
    change: ({ file }) => file.put(itemEntryAt(3), u32(0)).put(itemEntryAt(3) + 24, u32(0)),
    expect: { kind: 'disk-corrupt', field: 'logical_sector_size', offset: METADATA_AT },
  },
  {
    title: 'H21: a disk with a parent is refused',
    shape: { parameters: 2 },
    expect: {
      kind: 'disk-unsafe',
      field: 'file_parameters',
      offset: itemAt.parameters + 4,
      message: /Merge-VHD/,
    },
  },
  {
    title: 'H21: a parent locator alone is refused',
    shape: { moreItems: [{ guid: itemGuids.locator, bytes: new Uint8Array(20) }] },
    expect: { kind: 'disk-unsafe', field: 'parent_locator', offset: itemEntryAt(5) },
  },
  {
    title: 'H21: a block that is partly in a parent is refused',
    shape: { bat: new Map([[2, 7]]) },
    expect: { kind: 'disk-unsafe', field: 'bat[2]', offset: BAT_AT + 16 },
  },
  ...[0, 512 * 1024, 3 * MiB, 512 * MiB].map((blockSize): Recipe => ({
    title: `block size ${blockSize} is refused`,
    change: ({ file }) => file.put(itemAt.parameters, u32(blockSize)),
    expect: { kind: 'disk-corrupt', field: 'block_size', offset: itemAt.parameters },
  })),
  {
    title: 'logical sectors of 1024 bytes are refused',
    change: ({ file }) => file.put(itemAt.logical, u32(1024)),
    expect: { kind: 'disk-corrupt', field: 'logical_sector_size', offset: itemAt.logical },
  },
  {
    title: 'physical sectors of 0 bytes are refused',
    change: ({ file }) => file.put(itemAt.physical, u32(0)),
    expect: { kind: 'disk-corrupt', field: 'physical_sector_size', offset: itemAt.physical },
  },
  {
    title: 'a disk without a size is refused',
    change: ({ file }) => file.put(itemAt.size, u64(0)),
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemAt.size },
  },
  {
    title: 'H5: a size above 64 TiB is refused',
    change: ({ file }) => file.put(itemAt.size, u64(2 ** 46 + 512)),
    expect: { kind: 'disk-too-large', field: 'virtual_disk_size', offset: itemAt.size },
  },
  {
    title: 'a size that is no multiple of its sectors of 4096 bytes is refused',
    shape: { sectorSize: 4096, virtualSize: 8 * MiB - 512 },
    expect: { kind: 'disk-corrupt', field: 'virtual_disk_size', offset: itemAt.size },
  },
  {
    title: 'H2: a BAT region too short for the disk is refused',
    change: ({ file }) => file.put(itemAt.size, u64(2 ** 40)),
    expect: { kind: 'disk-corrupt', field: 'region_length', offset: REGIONS_1 + 16 + 24 },
  },
  {
    title: 'H4: a BAT above the limit is refused',
    change: ({ file }) => file.put(itemAt.size, u64(2 ** 46)),
    expect: { kind: 'disk-too-large', field: 'region_length', offset: REGIONS_1 + 16 + 24 },
  },
  {
    title: 'block state 4 is refused',
    shape: { bat: new Map([[1, 4]]) },
    expect: { kind: 'disk-corrupt', field: 'bat[1]', offset: BAT_AT + 8 },
  },
  {
    title: 'H3: a block behind the end of the file is refused at its entry',
    shape: { bat: new Map([[1, present(2 ** 40)]]) },
    expect: { kind: 'disk-truncated', field: 'bat[1]', offset: BAT_AT + 8, message: /cut short/ },
  },
  {
    title: 'H1: a block at an offset above 2^53 is refused',
    change: ({ file }) => file.put(BAT_AT + 8, Uint8Array.of(6, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff)),
    expect: { kind: 'disk-corrupt', field: 'bat[1]', offset: BAT_AT + 8 },
  },
  {
    title: 'H8: a block inside the BAT is refused',
    shape: { bat: new Map([[1, present(BAT_AT)]]) },
    expect: { kind: 'disk-corrupt', field: 'bat[1]', offset: BAT_AT + 8, message: /the BAT/ },
  },
  {
    title: 'H8: a block at byte 0 is refused',
    shape: { bat: new Map([[0, 6]]) },
    expect: { kind: 'disk-corrupt', field: 'bat[0]', offset: BAT_AT },
  },
  {
    title: 'H10: two guest blocks on one block of the file are refused',
    shape: {
      bat: new Map([
        [0, present(4 * MiB)],
        [5, present(4 * MiB)],
      ]),
    },
    expect: {
      kind: 'disk-corrupt',
      field: 'bat[5]',
      offset: BAT_AT + 40,
      message: /guest bytes 0 and 5242880/,
    },
  },
  {
    title: 'H17: a log that is not on a MiB is refused',
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => putU64le(header, 72, MiB + 4096)),
    expect: { kind: 'disk-corrupt', field: 'log_offset', offset: HEADER_2 + 72 },
  },
  {
    title: 'H8: a log in the header section is refused',
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => putU64le(header, 72, 0)),
    expect: { kind: 'disk-corrupt', field: 'log_offset', offset: HEADER_2 + 72 },
  },
  {
    title: 'H3: a log behind the end of the file is refused',
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => putU64le(header, 72, 2 ** 40)),
    expect: { kind: 'disk-truncated', field: 'log_offset', offset: HEADER_2 + 72 },
  },
  {
    title: 'H4: a log above its limit is refused before memory is taken',
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => putU32le(header, 68, 0xfff0_0000)),
    expect: { kind: 'disk-too-large', field: 'log_length', offset: HEADER_2 + 68 },
  },
  {
    title: 'a pending log of no bytes is refused',
    change: ({ file }) => file.put(HEADER_2, headerBytes(5, ODD_GUID, 0)),
    expect: { kind: 'disk-corrupt', field: 'log_offset', offset: HEADER_2 + 72 },
  },
  {
    title: 'H25: a pending log of version 1 is refused',
    shape: { log: new Uint8Array(MiB) },
    change: ({ file }) => changeAt(file, HEADER_2, 4096, (header) => header.fill(1, 64, 65)),
    expect: { kind: 'disk-unsupported', field: 'log_version', offset: HEADER_2 + 64 },
  },
];

for (const { title, shape, change, expect } of recipes) {
  test(`vhdx ${title}`, async () => {
    const built = buildVhdx(shape);
    await change?.(built);
    await assertRefused(vhdx, built.file, expect);
  });
}

test('vhdx H16: a file cut at 60 % is refused', async () => {
  const { file } = buildVhdx({ dataBlocks: 8, bat: new Map([[0, present(11 * MiB)]]) });
  await file.truncate(7 * MiB);
  await assertRefused(vhdx, file, { kind: 'disk-truncated', field: 'bat[0]', offset: BAT_AT });
});

test('vhdx H31: files that are too short or lack its mark, down to no byte, are refused', async () => {
  for (const size of [0, 8, 519]) {
    const expected = { kind: 'disk-truncated', field: 'signature', offset: 0 } as const;
    await assertRefused(vhdx, memoryFile(new Uint8Array(size)), expected);
  }
  const unmarked = { kind: 'disk-corrupt', field: 'signature', offset: 0 } as const;
  await assertRefused(vhdx, memoryFile(new Uint8Array(1024)), unmarked);
  const { file } = buildVhdx();
  await file.truncate(HEADER_1);
  await assertRefused(vhdx, file, { kind: 'disk-corrupt', field: 'header', offset: HEADER_1 });
});

test('vhdx H12: the mark of a VDI inside the creator’s name is ambiguous', async () => {
  const { file } = buildVhdx();
  file.put(64, Uint8Array.of(0x7f, 0x10, 0xda, 0xbe));
  await assert.rejects(openChecked(file), { kind: 'disk-ambiguous' });
});

test('vhdx H26: control characters of the creator are escaped', async () => {
  const disk = await vhdx.open(buildVhdx().file, 'deny');
  assert.equal(disk.facts.details['creator'], 't\\x1bx');
});

test('vhdx: without a pending log the log’s bytes do not matter', async () => {
  const { file } = buildVhdx();
  file.put(LOG_AT, new Uint8Array(MiB).fill(0x6c));
  file.put(HEADER_2, headerBytes(5, NO_GUID));
  assert.equal((await vhdx.open(file, 'deny')).canonical, true);
});
