import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { SparseMemory } from '../../access/sparse-memory.ts';
import type { Disk } from '../../disk/disk.ts';
import { scanDisk } from '../../disk/scan.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { assertRefused, guestBytes, piecesOf } from '../testing.ts';
import { vmdk } from './driver.ts';
import { buildStream, marker, packedGrain, u32, u64, type BuiltStream } from './testing.ts';

const GRAIN = 65_536;

const noted = (disk: Disk): string[] => disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);

/** The footer no longer knows where the directory is. */
const loseDirectory = ({ file, footerMarkerAt }: BuiltStream): SparseMemory =>
  file.put(footerMarkerAt + 512 + 56, u64(2 ** 40));

test('vmdk stream in VMware’s order: the footer knows the directory', async () => {
  const { file, places } = buildStream();
  const disk = await openChecked(file);
  assert.equal(disk.facts.subformat, 'streamOptimized');
  assert.equal(disk.facts.compression, 'zlib');
  const packed = (await piecesOf(disk)).filter((piece) => piece.kind === 'packed');
  assert.deepEqual(
    packed.map((piece) => [piece.guestOffset, (piece as { fileOffset: number }).fileOffset]),
    [
      [0, places[0]! + 12],
      [3 * GRAIN, places[1]! + 12],
    ],
  );
  assert.deepEqual(noted(disk), []);
  const scan = await scanDisk(disk);
  assert.equal(scan.canonical, true);
  assert.equal(scan.highestUsedByte, file.size);
});

test('vmdk stream: both directories may be said to be at the end', async () => {
  const { file } = buildStream();
  const disk = await vmdk.open(file.put(48, new Uint8Array(8).fill(0xff)), 'deny');
  assert.deepEqual(noted(disk), []);
  assert.equal((await guestBytes(disk))[0], 0x11);
});

test('vmdk stream: without a usable directory the markers are walked, with a note', async () => {
  const built = buildStream({
    capacity: 200_000,
    grains: [
      [1, 5],
      [513, 6],
      [700, 7],
    ],
  });
  const whole = await guestBytes(await vmdk.open(built.file, 'deny'));
  const disk = await vmdk.open(loseDirectory(built), 'deny');
  assert.deepEqual(noted(disk), ['directory']);
  const scan = await scanDisk(disk);
  assert.equal(scan.canonical, false);
  assert.equal(scan.trailingBytes, 0);
  assert.ok(Buffer.from(await guestBytes(disk)).equals(whole));
  assert.equal(whole[513 * GRAIN], 6);
});

test('vmdk stream: a walk may start anywhere, and remembers where it was', async () => {
  // 5000 grains of 4 KiB, every second one stored: more than two waypoints.
  const grains = Array.from({ length: 2500 }, (_, i) => [2 * i, (i % 255) + 1] as const);
  const built = buildStream({ capacity: 40_000, grain: 8, grains });
  const disk = await vmdk.open(loseDirectory(built), 'deny');
  const all = await piecesOf(disk);
  for (const from of [4096 * 4000, 4096 * 4001, 4096 * 4000 + 512, 4096 * 4999, 0, 4096 * 2049]) {
    const start = all.findIndex((piece) => piece.guestOffset + piece.length > from);
    const expected = all.slice(start);
    const first = expected[0]!;
    if (first.kind === 'hole')
      expected[0] = { ...first, guestOffset: from, length: first.guestOffset + first.length - from };
    assert.deepEqual(await piecesOf(disk, from), expected, `from ${from}`);
  }
});

test('vmdk stream: any guest gives its own bytes, by the directory and by the markers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.array(fc.nat(899), { maxLength: 10 }),
      fc.boolean(),
      async (capacity, sectors, cutLast) => {
        const guest = new Uint8Array(capacity * 512);
        for (const sector of sectors.filter((s) => s < capacity))
          guest.fill((sector % 255) + 1, sector * 512, sector * 512 + 300);
        const built = buildStream({ capacity, guest, cutLast, grain: 16 });
        const disk = await vmdk.open(built.file, 'deny');
        assert.equal((await scanDisk(disk)).canonical, true);
        assert.ok(Buffer.from(await guestBytes(disk)).equals(guest));
        const walked = await vmdk.open(loseDirectory(built), 'deny');
        await scanDisk(walked);
        assert.ok(Buffer.from(await guestBytes(walked)).equals(guest));
      },
    ),
    { numRuns: 25 },
  );
});

test('vmdk stream: progress marks and tables between the grains are skipped', async () => {
  const built = buildStream({ grains: [[0, 1]] });
  const { file, places } = built;
  const end = places[0]! + packedGrain(0, new Uint8Array(GRAIN).fill(1)).length;
  await file.truncate(end);
  file.put(file.size, marker(2, 4)).put(file.size, new Uint8Array(1024).fill(0xaa));
  file.put(file.size, packedGrain(3 * 128, new Uint8Array(GRAIN).fill(2)));
  file.put(file.size, marker(0, 0));
  const disk = await vmdk.open(file, 'deny');
  await scanDisk(disk);
  const guest = await guestBytes(disk);
  assert.deepEqual([guest[0], guest[3 * GRAIN], guest[GRAIN]], [1, 2, 0]);
});

interface Recipe {
  readonly title: string;
  readonly change: (built: BuiltStream) => unknown;
  readonly expect: {
    kind: DiskErrorKind;
    field: string;
    offset: (built: BuiltStream) => number;
    message?: RegExp;
  };
}

const recipes: readonly Recipe[] = [
  {
    title: 'H16: a stream cut in the middle has no end mark',
    change: ({ file, places }) => file.truncate(places[1]! + 512),
    expect: {
      kind: 'disk-truncated',
      field: 'end_of_stream',
      offset: (b) => b.file.size,
      message: /cut short/,
    },
  },
  {
    title: 'H16: a stream cut before its end mark is refused',
    change: ({ file, footerMarkerAt }) => file.truncate(footerMarkerAt + 1024),
    expect: { kind: 'disk-truncated', field: 'end_of_stream', offset: (b) => b.file.size },
  },
  {
    title: 'H15: bytes after the end mark are refused, as the footer is found from there',
    change: ({ file }) => file.put(file.size, new Uint8Array(777).fill(1)),
    expect: {
      kind: 'disk-corrupt',
      field: 'end_of_stream',
      offset: (b) => b.footerMarkerAt + 1536,
      message: /777 bytes/,
    },
  },
  {
    title: 'H15: zeros after the end mark are refused too',
    change: ({ file }) => file.put(file.size, new Uint8Array(1024)),
    expect: {
      kind: 'disk-corrupt',
      field: 'end_of_stream',
      offset: (b) => b.footerMarkerAt + 1536,
      message: /1024 bytes/,
    },
  },
  {
    title: 'a damaged footer marker is refused',
    change: ({ file, footerMarkerAt }) => file.put(footerMarkerAt + 100, Uint8Array.of(1)),
    expect: { kind: 'disk-corrupt', field: 'footer_marker', offset: (b) => b.footerMarkerAt },
  },
  {
    title: 'H29: a footer of another capacity is ambiguous',
    change: ({ file, footerMarkerAt }) => file.put(footerMarkerAt + 512 + 12, u64(47_104)),
    expect: { kind: 'disk-ambiguous', field: 'capacity', offset: (b) => b.footerMarkerAt + 512 + 12 },
  },
  {
    title: 'H29: a footer of another grain size is ambiguous',
    change: ({ file, footerMarkerAt }) => file.put(footerMarkerAt + 512 + 20, u64(64)),
    expect: { kind: 'disk-ambiguous', field: 'grain_size', offset: (b) => b.footerMarkerAt + 512 + 20 },
  },
  {
    title: 'a footer of another version is refused',
    change: ({ file, footerMarkerAt }) => file.put(footerMarkerAt + 512 + 4, u32(1)),
    expect: { kind: 'disk-corrupt', field: 'version', offset: (b) => b.footerMarkerAt + 512 + 4 },
  },
  {
    title: 'H11: table and marker that disagree are refused',
    change: ({ file, places }) => file.put(places[1]!, u64(4 * 128)),
    expect: { kind: 'disk-corrupt', field: 'marker_lba', offset: (b) => b.places[1]! },
  },
];

const walked: readonly Recipe[] = [
  {
    title: 'H11: grains that come again are refused',
    change: ({ file, places }) => file.put(places[1]!, u64(0)),
    expect: {
      kind: 'disk-corrupt',
      field: 'marker_lba',
      offset: (b) => b.places[1]!,
      message: /out of order/,
    },
  },
  {
    title: 'H11: a grain behind the disk is refused',
    change: ({ file, places }) => file.put(places[1]!, u64(47_105)),
    expect: { kind: 'disk-corrupt', field: 'marker_lba', offset: (b) => b.places[1]! },
  },
  {
    title: 'H11: a sector that is no start of a grain is refused',
    change: ({ file, places }) => file.put(places[1]!, u64(385)),
    expect: { kind: 'disk-corrupt', field: 'marker_lba', offset: (b) => b.places[1]! },
  },
  {
    title: 'H1: a marker above 2^53 is refused',
    change: ({ file, places }) => file.put(places[1]!, new Uint8Array(8).fill(0xff)),
    expect: { kind: 'disk-corrupt', field: 'marker', offset: (b) => b.places[1]! },
  },
  {
    title: 'H6: a grain of too many packed bytes is refused',
    change: ({ file, places }) => file.put(places[1]! + 8, u32(0x7fff_ffff)),
    expect: { kind: 'disk-corrupt', field: 'marker_size', offset: (b) => b.places[1]! + 8 },
  },
  {
    title: 'H32: a grain whose bytes end behind the file is refused',
    change: ({ file, places }) => file.put(places[1]! + 8, u32(65_536)),
    expect: { kind: 'disk-truncated', field: 'marker_size', offset: (b) => b.places[1]! + 8 },
  },
  {
    title: 'H9: a table that reaches behind the end of the file is refused',
    change: ({ file, directoryOffset }) => file.put(directoryOffset - 512, u64(2 ** 52)),
    expect: { kind: 'disk-truncated', field: 'marker', offset: (b) => b.directoryOffset - 512 },
  },
  {
    title: 'a marker of an unknown type is refused',
    change: ({ file, directoryOffset }) => file.put(directoryOffset - 500, u32(9)),
    expect: { kind: 'disk-corrupt', field: 'marker_type', offset: (b) => b.directoryOffset - 500 },
  },
  {
    title: 'H15: an end mark in the middle leaves bytes behind it',
    change: ({ file, places }) => file.put(places[1]!, new Uint8Array(512)),
    expect: { kind: 'disk-corrupt', field: 'end_of_stream', offset: (b) => b.places[1]! + 512 },
  },
];

for (const { title, change, expect } of recipes) {
  test(`vmdk stream ${title}`, async () => {
    const built = buildStream();
    await change(built);
    await assertRefused(vmdk, built.file, { ...expect, offset: expect.offset(built) });
  });
}

for (const { title, change, expect } of walked) {
  test(`vmdk stream by its markers, ${title}`, async () => {
    const built = buildStream();
    loseDirectory(built);
    await change(built);
    await assertRefused(vmdk, built.file, { ...expect, offset: expect.offset(built) });
  });
}
