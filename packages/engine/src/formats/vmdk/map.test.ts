import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SparseMemory } from '../../access/sparse-memory.ts';
import type { Disk } from '../../disk/disk.ts';
import { scanDisk } from '../../disk/scan.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { guestBytes, piecesOf } from '../testing.ts';
import { vmdk } from './driver.ts';
import { buildSparse, u32, u64 } from './testing.ts';

const GRAIN = 65_536;
const SIZE = 47_105 * 512;
const TiB = 1024 ** 4;

const noted = (disk: Disk): string[] => disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);

test('vmdk sparse: stored grains and holes; grains in a row are one extent', async () => {
  const { file, places } = buildSparse({
    grains: [
      [0, 1],
      [1, 2],
      [4, 3],
    ],
  });
  const disk = await openChecked(file);
  assert.equal(disk.facts.subformat, 'monolithicSparse');
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: 2 * GRAIN, fileOffset: places[0] },
    { kind: 'hole', guestOffset: 2 * GRAIN, length: 2 * GRAIN },
    { kind: 'stored', guestOffset: 4 * GRAIN, length: GRAIN, fileOffset: places[2] },
    { kind: 'hole', guestOffset: 5 * GRAIN, length: SIZE - 5 * GRAIN },
  ]);
  const scan = await scanDisk(disk);
  assert.deepEqual(noted(disk), []);
  assert.equal(scan.canonical, true);
  assert.equal(scan.highestUsedByte, file.size);
});

test('vmdk sparse: extents may start in the middle of a grain and of a table', async () => {
  const { file, places } = buildSparse({
    capacity: 200_000,
    grains: [
      [0, 1],
      [520, 2],
    ],
  });
  const disk = await vmdk.open(file, 'deny');
  const [first] = await piecesOf(disk, 520 * GRAIN + 512);
  assert.deepEqual(first, {
    kind: 'stored',
    guestOffset: 520 * GRAIN + 512,
    length: GRAIN - 512,
    fileOffset: places[1]! + 512,
  });
  const [hole, stored] = await piecesOf(disk, 519 * GRAIN);
  assert.deepEqual(hole, { kind: 'hole', guestOffset: 519 * GRAIN, length: GRAIN });
  assert.equal(stored?.kind, 'stored');
});

test('vmdk sparse: entry 1 is a grain of zeros where the header says so', async () => {
  const { file } = buildSparse({
    version: 2,
    flags: 7,
    entries: new Map([
      [1, 1],
      [2, 1],
    ]),
  });
  const disk = await vmdk.open(file, 'deny');
  assert.deepEqual((await piecesOf(disk))[1], { kind: 'zero', guestOffset: GRAIN, length: 2 * GRAIN });
  assert.equal((await scanDisk(disk)).canonical, true);
});

for (const compressed of [false, true]) {
  test(`vmdk ${compressed ? 'streamOptimized by qemu’s order' : 'sparse'}: any tables give the bytes that were put there`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(8, 16, 128),
        fc.shuffledSubarray(Array.from({ length: 30 }, (_, i) => i)),
        fc.nat(7),
        async (grain, order, cut) => {
          const capacity = 30 * grain - cut;
          const shape = { capacity, grain, grains: order.map((index) => [index, index + 1] as const) };
          const createType = compressed ? 'streamOptimized' : 'monolithicSparse';
          const { file, grainBytes } = buildSparse({ ...shape, createType }, compressed);
          const disk = await vmdk.open(file, 'deny');
          const scan = await scanDisk(disk);
          assert.equal(scan.canonical, true);
          const expected = new Uint8Array(capacity * 512);
          for (const index of order) expected.fill(index + 1, index * grainBytes, (index + 1) * grainBytes);
          assert.ok(Buffer.from(await guestBytes(disk)).equals(expected));
        },
      ),
      { numRuns: 30 },
    );
  });
}

test('vmdk: the redundant directory stands in for a lost one, with a note', async () => {
  const { file } = buildSparse();
  const disk = await vmdk.open(file.put(56, u64(2 ** 40)), 'deny');
  assert.deepEqual(noted(disk), ['directory']);
  assert.equal(disk.canonical, false);
  assert.equal((await guestBytes(disk))[3 * GRAIN], 0x33);
});

test('vmdk: the redundant directory stands in for one that names tables behind the end', async () => {
  const { file, directoryOffset } = buildSparse();
  const disk = await vmdk.open(file.put(directoryOffset, u32(0xffff_0000)), 'deny');
  assert.deepEqual(noted(disk), ['directory']);
  assert.equal((await guestBytes(disk))[3 * GRAIN], 0x33);
});

test('vmdk: an unusable redundant directory is noted', async () => {
  const { file } = buildSparse();
  const disk = await vmdk.open(file.put(48, u64(2 ** 40)), 'deny');
  assert.deepEqual(noted(disk), ['directory']);
  assert.equal(disk.canonical, false);
});

test('vmdk: without its flag there is no redundant directory', async () => {
  const { file, redundantTableOffset } = buildSparse({ flags: 1 });
  const disk = await vmdk.open(file.put(redundantTableOffset, u32(7)), 'deny');
  assert.deepEqual(noted(disk), []);
  assert.equal((await guestBytes(disk))[0], 0x11);
});

test('vmdk: a file that was not closed in order is noted', async () => {
  const { file } = buildSparse();
  const disk = await vmdk.open(file.put(72, Uint8Array.of(1)), 'deny');
  assert.deepEqual(noted(disk), ['unclean']);
  assert.equal(disk.canonical, false);
  await scanDisk(disk);
});

test('vmdk: flags that are unknown are noted', async () => {
  const disk = await vmdk.open(buildSparse({ flags: 0x8000_0003 }).file, 'deny');
  const finding = disk.findings.find((f) => f.level === 'noted');
  assert.deepEqual([finding?.check, finding?.offset, finding?.value], ['flags', 8, 0x8000_0003]);
});

test('vmdk: bytes that hide behind the end of the descriptor are noted', async () => {
  const { file } = buildSparse();
  const disk = await vmdk.open(file.put(10_000, Uint8Array.of(1)), 'deny');
  assert.deepEqual(noted(disk), ['hidden-text']);
});

test('vmdk H15: bytes behind the last grain are noted by the scan', async () => {
  const { file } = buildSparse();
  const scan = await scanDisk(await vmdk.open(file.put(file.size, new Uint8Array(4096).fill(1)), 'deny'));
  assert.equal(scan.trailingBytes, 4096);
  assert.equal(scan.canonical, false);
});

test('vmdk stream: what qemu leaves free behind the last packed grain is no trailing data', async () => {
  const { file, places } = buildSparse({ createType: 'streamOptimized' }, true);
  await file.truncate(places.at(-1)! + GRAIN);
  assert.equal((await scanDisk(await vmdk.open(file, 'deny'))).canonical, true);
  const longer = await vmdk.open(file.put(file.size, new Uint8Array(512)), 'deny');
  assert.equal((await scanDisk(longer)).trailingBytes, 512);
});

test('vmdk: the last grain may end with the disk', async () => {
  // 47 105 sectors end one sector into grain 368.
  const { file, places } = buildSparse({ grains: [[368, 9]] });
  await file.truncate(places[0]! + 512);
  const disk = await vmdk.open(file, 'deny');
  assert.equal((await scanDisk(disk)).canonical, true);
  assert.equal((await guestBytes(disk))[SIZE - 1], 9);
});

test('vmdk: entryOf names the table entry, or the directory’s where there is no table', async () => {
  const built = buildSparse({ capacity: 2 * 65_536 });
  built.file.put(built.directoryOffset + 4, u32(0)).put(built.redundantOffset + 4, u32(0));
  const disk = await vmdk.open(built.file, 'deny');
  assert.deepEqual(await disk.entryOf?.(3 * GRAIN), {
    field: 'grain_table[3]',
    offset: built.tableOffset + 12,
  });
  assert.deepEqual(await disk.entryOf?.(512 * GRAIN), {
    field: 'grain_directory[1]',
    offset: built.directoryOffset + 4,
  });
});

/** Counts the bytes that are read. */
function counted(file: SparseMemory): SparseMemory & { bytes: number } {
  const read = file.read.bind(file);
  return Object.assign(file, {
    bytes: 0,
    read(this: { bytes: number }, offset: number, target: Uint8Array): Promise<void> {
      this.bytes += target.length;
      return read(offset, target);
    },
  });
}

test('vmdk: tables in holes of an 8 TiB disk, as qemu preallocates them, are skipped without reading', async () => {
  const { file, places } = buildSparse({
    capacity: (8 * TiB) / 512,
    grains: [
      [0, 1],
      [100_000_000, 2],
    ],
  });
  const source = counted(file);
  const pieces = await piecesOf(await vmdk.open(source, 'deny'));
  assert.deepEqual(
    pieces.filter((piece) => piece.kind === 'stored').map((piece) => piece.guestOffset),
    [0, 100_000_000 * GRAIN],
  );
  assert.equal(places.length, 2);
  // Both directories are 1 MiB each and read at opening, then for the map; 2 × 512 MiB of tables are not.
  assert.ok(source.bytes < 16 * 1024 * 1024, `${source.bytes} bytes`);
});

test('vmdk COWD: a single extent without a parent is read with a note', async () => {
  const file = buildCowd();
  const disk = await openChecked(file);
  assert.equal(disk.virtualSize, 10_000 * 512);
  assert.deepEqual(noted(disk), ['cowd']);
  assert.equal(disk.canonical, false);
  const stored = (await piecesOf(disk)).filter((piece) => piece.kind === 'stored');
  assert.deepEqual(stored, [
    { kind: 'stored', guestOffset: 5000 * 512, length: 1024, fileOffset: 100 * 512 },
  ]);
  await scanDisk(disk);
});

const cowdFaults: readonly [title: string, at: number, value: number, kind: string, field: string][] = [
  ['a parent’s name', 50, 0x61, 'disk-unsafe', 'parent_file_name'],
  ['version 2', 4, 2, 'disk-unsupported', 'version'],
  ['no capacity', 12, 0, 'disk-corrupt', 'capacity'],
  ['grains of 3 sectors', 16, 3, 'disk-corrupt', 'grain_size'],
  ['too short a directory', 24, 2, 'disk-corrupt', 'gd_entries'],
  ['a directory behind the end', 20, 0x7fff_ffff, 'disk-truncated', 'gd_offset'],
];
for (const [title, at, value, kind, field] of cowdFaults) {
  test(`vmdk COWD: ${title} is refused`, async () => {
    const file = buildCowd().put(at, u32(value));
    await assert.rejects(vmdk.open(file, 'deny'), (error: { kind?: string; where?: { field?: string } }) => {
      assert.deepEqual([error.kind, error.where?.field], [kind, field]);
      return true;
    });
  });
}

/** 10 000 sectors; sectors 5000 and 5001, in the second table, lie at sectors 100 and 101. */
function buildCowd(): SparseMemory {
  const file = new SparseMemory(102 * 512).put(0, new TextEncoder().encode('COWD'));
  const fields = [1, 3, 10_000, 1, 4, 3, 102];
  fields.forEach((value, i) => file.put(4 + 4 * i, u32(value)));
  file.put(4 * 512 + 4, u32(8));
  const entry = 8 * 512 + 4 * (5000 - 4096);
  return file
    .put(entry, u32(100))
    .put(entry + 4, u32(101))
    .put(100 * 512, new Uint8Array(1024).fill(7));
}
