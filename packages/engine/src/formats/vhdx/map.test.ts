import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Disk } from '../../disk/disk.ts';
import { scanDisk } from '../../disk/scan.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { guestBytes, piecesOf } from '../testing.ts';
import { vhdx } from './driver.ts';
import { buildVhdx, changeRegions, headerBytes, itemGuids, MiB, present, u32, u64 } from './testing.ts';

const NO_GUID = '00000000-0000-0000-0000-000000000000';
const ODD_GUID = 'deadbeef-0000-4000-8000-000000000001';
const TiB = 1024 ** 4;

const noted = (disk: Disk): string[] => disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);

test('vhdx: each state of a block is what it says', async () => {
  const bat = new Map([
    [0, present(5 * MiB)],
    [1, 1], // undefined
    [2, 2], // zero
    [3, 3], // unmapped
    [4, 5], // unmapped, as written before the release
    [6, present(4 * MiB)],
  ]);
  const disk = await openChecked(buildVhdx({ bat }).file);
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: MiB, fileOffset: 5 * MiB },
    { kind: 'hole', guestOffset: MiB, length: MiB },
    { kind: 'zero', guestOffset: 2 * MiB, length: 3 * MiB },
    { kind: 'hole', guestOffset: 5 * MiB, length: MiB },
    { kind: 'stored', guestOffset: 6 * MiB, length: MiB, fileOffset: 4 * MiB },
    { kind: 'hole', guestOffset: 7 * MiB, length: MiB - 4096 },
  ]);
  assert.deepEqual(noted(disk), []);
  assert.equal((await scanDisk(disk)).canonical, true);
});

test('vhdx: extents may start in the middle of a block', async () => {
  const { file, dataOffset } = buildVhdx();
  const [first] = await piecesOf(await vhdx.open(file, 'deny'), 4096);
  assert.deepEqual(first, {
    kind: 'stored',
    guestOffset: 4096,
    length: MiB - 4096,
    fileOffset: dataOffset + 4096,
  });
});

test('vhdx: any BAT gives the bytes that were put there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5]), fc.nat(2047), async (stored, cut) => {
      const virtualSize = 6 * MiB - cut * 512;
      const bat = new Map(stored.map((block, i) => [block, present(4 * MiB + i * MiB)]));
      const disk = await vhdx.open(buildVhdx({ virtualSize, bat, dataBlocks: stored.length }).file, 'deny');
      await scanDisk(disk);
      const expected = new Uint8Array(virtualSize);
      stored.forEach((block, i) => expected.fill(i + 1, block * MiB, (block + 1) * MiB));
      assert.ok(Buffer.from(await guestBytes(disk)).equals(expected));
    }),
    { numRuns: 20 },
  );
});

for (const [sectorSize, chunk] of [
  [512, 4096],
  [4096, 32_768],
] as const) {
  test(`vhdx: with sectors of ${sectorSize} every ${chunk}th BAT entry is a sector bitmap and is skipped`, async () => {
    // Blocks chunk − 1 and chunk lie at entries chunk − 1 and chunk + 1; entry chunk is no block.
    const bat = new Map([
      [chunk - 1, present(4 * MiB)],
      [chunk, 0xffff_fff6],
      [chunk + 1, present(5 * MiB)],
    ]);
    const shape = { sectorSize, virtualSize: (chunk + 4) * MiB, bat, batBytes: MiB };
    const { file } = buildVhdx(shape);
    const disk = await vhdx.open(file, 'deny');
    const stored = (await piecesOf(disk)).filter((piece) => piece.kind === 'stored');
    assert.deepEqual(stored, [
      { kind: 'stored', guestOffset: (chunk - 1) * MiB, length: 2 * MiB, fileOffset: 4 * MiB },
    ]);
    const entry = await disk.entryOf?.(chunk * MiB);
    assert.equal(entry?.field, `bat[${chunk + 1}]`);
    assert.deepEqual(noted(disk), sectorSize === 4096 ? ['sector-size'] : []);
    assert.equal(disk.canonical, sectorSize === 512);
  });
}

test('vhdx: blocks of 256 MiB are read', async () => {
  const bat = new Map([[1, present(4 * MiB)]]);
  const { file } = buildVhdx({ blockSize: 256 * MiB, virtualSize: 257 * MiB, bat, dataBlocks: 0 });
  await file.truncate(5 * MiB);
  const pieces = await piecesOf(await vhdx.open(file, 'deny'));
  assert.deepEqual(pieces[1], { kind: 'stored', guestOffset: 256 * MiB, length: MiB, fileOffset: 4 * MiB });
});

test('vhdx: a last block that the file cuts at the disk’s end is accepted', async () => {
  // qemu-img 7.2 writes such files with subformat=fixed,block_state_zero=off.
  const { file } = buildVhdx({
    virtualSize: MiB + 512,
    bat: new Map([[1, present(4 * MiB)]]),
    dataBlocks: 1,
  });
  await file.truncate(4 * MiB + 512);
  const disk = await vhdx.open(file, 'deny');
  assert.equal((await scanDisk(disk)).canonical, true);
});

test('vhdx: what a last block has behind the end of the disk is not trailing data', async () => {
  const { file } = buildVhdx({
    virtualSize: MiB + 512,
    bat: new Map([[1, present(4 * MiB)]]),
    dataBlocks: 1,
  });
  assert.equal((await scanDisk(await vhdx.open(file, 'deny'))).trailingBytes, 0);
});

test('vhdx: a damaged header copy is noted, the other is used', async () => {
  for (const at of [64 * 1024, 128 * 1024]) {
    const { file } = buildVhdx();
    const disk = await vhdx.open(file.put(at + 20, u32(0)), 'deny');
    assert.deepEqual(noted(disk), ['headers']);
    assert.equal(disk.canonical, false);
  }
});

test('vhdx: two equal headers of one sequence number are good, as disk2vhd writes them', async () => {
  const { file } = buildVhdx();
  file.put(64 * 1024, headerBytes(5, NO_GUID));
  const disk = await vhdx.open(file, 'deny');
  assert.deepEqual(noted(disk), []);
});

test('vhdx: a damaged region table is noted, the other is used', async () => {
  for (const at of [192 * 1024, 256 * 1024]) {
    const { file } = buildVhdx();
    const disk = await vhdx.open(file.put(at + 20, u32(0)), 'deny');
    assert.deepEqual(noted(disk), ['region-tables']);
    assert.equal(disk.canonical, false);
  }
});

test('vhdx: regions that are not marked required, as qemu leaves them, are noted', async () => {
  const { file } = buildVhdx();
  await changeRegions(file, (table) => table.fill(0, 16 + 28, 16 + 32));
  const disk = await vhdx.open(file, 'deny');
  assert.deepEqual(noted(disk), ['region-flags']);
  assert.equal(disk.canonical, true);
});

test('vhdx: unknown regions and items that are not required are noted', async () => {
  const { file } = buildVhdx({
    moreItems: [
      { guid: ODD_GUID, bytes: u32(1), flags: 0 },
      // A user item may share the GUID of a known one.
      { guid: itemGuids.size, bytes: u64(7), flags: 1 },
    ],
    moreRegions: [{ guid: ODD_GUID, offset: 5 * MiB, length: MiB, required: false }],
    bat: new Map([[0, present(4 * MiB)]]),
  });
  const disk = await vhdx.open(file, 'deny');
  assert.deepEqual(noted(disk), ['regions', 'metadata', 'metadata']);
  await scanDisk(disk);
});

test('vhdx: a fixed disk says so, and its BAT is followed all the same', async () => {
  const disk = await vhdx.open(buildVhdx({ parameters: 1 }).file, 'deny');
  assert.equal(disk.facts.subformat, 'fixed');
  assert.equal((await piecesOf(disk))[1]?.kind, 'hole');
});

test('vhdx: an almost empty disk of 63 TiB is walked in extents of a GiB, not of a block', async () => {
  const { file } = buildVhdx({
    virtualSize: 63 * TiB,
    blockSize: 2 * MiB,
    batBytes: 256 * MiB,
    bat: new Map([[5, present(259 * MiB)]]),
    dataBlocks: 1,
  });
  const pieces = await piecesOf(await vhdx.open(file, 'deny'));
  assert.ok(pieces.length < 63 * 1024 + 8, `${pieces.length} extents`);
  assert.equal(pieces.filter((piece) => piece.kind === 'stored').length, 1);
});

test('vhdx: opening reads a few hundred KiB, whatever the size of the BAT', async () => {
  const { file } = buildVhdx({
    virtualSize: 8 * TiB,
    blockSize: 2 * MiB,
    batBytes: 64 * MiB,
    dataBlocks: 0,
    bat: new Map(),
  });
  let read = 0;
  const counted = {
    size: file.size,
    read: (offset: number, target: Uint8Array): Promise<void> => {
      read += target.length;
      return file.read(offset, target);
    },
  };
  await vhdx.open(counted, 'deny');
  assert.ok(read < 512 * 1024, `${read} bytes`);
});
