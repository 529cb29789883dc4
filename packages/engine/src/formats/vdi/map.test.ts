import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SparseMemory } from '../../access/sparse-memory.ts';
import type { Disk } from '../../disk/disk.ts';
import { scanDisk } from '../../disk/scan.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { guestBytes, piecesOf } from '../testing.ts';
import { vdi } from './driver.ts';
import { buildOldVdi, buildVdi, u32 } from './testing.ts';

const MiB = 1024 * 1024;
const DISCARDED = 0xffff_fffe;

const noted = (disk: Disk): string[] => disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);

test('vdi: stored blocks, discarded ones and absent ones', async () => {
  const entries = new Map([
    [0, 1],
    [1, DISCARDED],
    [2, DISCARDED],
    [4, 0],
  ]);
  const { file, dataOffset } = buildVdi({ entries });
  const disk = await openChecked(file);
  assert.equal(disk.facts.subformat, 'dynamic');
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: MiB, fileOffset: dataOffset + MiB },
    { kind: 'zero', guestOffset: MiB, length: 2 * MiB },
    { kind: 'hole', guestOffset: 3 * MiB, length: MiB },
    { kind: 'stored', guestOffset: 4 * MiB, length: MiB, fileOffset: dataOffset },
    { kind: 'hole', guestOffset: 5 * MiB, length: 24_117_760 - 5 * MiB },
  ]);
  const scan = await scanDisk(disk);
  assert.deepEqual(noted(disk), []);
  assert.equal(scan.canonical, true);
  assert.equal(scan.highestUsedByte, file.size);
});

test('vdi static: blocks in a row are one extent, the last one used only as far as the disk goes', async () => {
  const entries = new Map(Array.from({ length: 24 }, (_, i) => [i, i] as const));
  const { file, dataOffset } = buildVdi({ type: 2, entries, dataBlocks: 24 });
  const disk = await vdi.open(file, 'deny');
  assert.equal(disk.facts.subformat, 'static');
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: 24_117_760, fileOffset: dataOffset },
  ]);
  assert.equal((await scanDisk(disk)).canonical, true, 'the rest of the last block is no trailing data');
});

test('vdi: extents may start in the middle of a block', async () => {
  const { file, dataOffset } = buildVdi();
  const [first] = await piecesOf(await vdi.open(file, 'deny'), 512);
  assert.deepEqual(first, {
    kind: 'stored',
    guestOffset: 512,
    length: MiB - 512,
    fileOffset: dataOffset + 512,
  });
});

test('vdi: any block map gives the bytes that were put there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5]),
      fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
      fc.constantFrom(0, 512, 4096),
      fc.integer({ min: 1, max: 2048 }),
      async (stored, discarded, blockExtra, cut) => {
        const entries = new Map(discarded.map((block) => [block, DISCARDED]));
        stored.forEach((block, i) => entries.set(block, i));
        const diskSize = 6 * MiB - (cut - 1) * 512;
        const { file } = buildVdi({ diskSize, blockExtra, entries, dataBlocks: stored.length });
        const disk = await vdi.open(file, 'deny');
        await scanDisk(disk);
        const expected = new Uint8Array(diskSize);
        stored.forEach((block, i) => expected.fill(i + 1, block * MiB, (block + 1) * MiB));
        assert.ok(Buffer.from(await guestBytes(disk)).equals(expected));
      },
    ),
    { numRuns: 25 },
  );
});

test('vdi: extra bytes before each block are skipped, and noted as qemu would show them', async () => {
  const { file, dataOffset } = buildVdi({ blockExtra: 512 });
  const disk = await vdi.open(file, 'deny');
  const pieces = await piecesOf(disk);
  assert.deepEqual(pieces[2], {
    kind: 'stored',
    guestOffset: 3 * MiB,
    length: MiB,
    fileOffset: dataOffset + MiB + 1024,
  });
  assert.deepEqual(noted(disk), ['block-extra']);
  assert.equal(disk.canonical, false);
});

test('vdi: blocks of 2 MiB, as VirtualBox allows them, are read with a note', async () => {
  const { file, dataOffset } = buildVdi({ blockSize: 2 * MiB });
  const disk = await vdi.open(file, 'deny');
  const pieces = await piecesOf(disk);
  assert.deepEqual(pieces[2], {
    kind: 'stored',
    guestOffset: 6 * MiB,
    length: 2 * MiB,
    fileOffset: dataOffset + 2 * MiB,
  });
  assert.deepEqual(noted(disk), ['block-size']);
});

test('vdi: the last block may end with the disk', async () => {
  const entries = new Map([[2, 0]]);
  const { file, dataOffset } = buildVdi({ diskSize: 2 * MiB + 512, entries, dataBlocks: 1 });
  await file.truncate(dataOffset + 512);
  const disk = await vdi.open(file, 'deny');
  assert.equal((await scanDisk(disk)).canonical, true);
});

test('vdi: a size of no whole sectors is rounded up', async () => {
  const { file } = buildVdi({ diskSize: 5 * MiB + 100 });
  const disk = await vdi.open(file, 'deny');
  assert.equal(disk.virtualSize, 5 * MiB + 512);
  assert.deepEqual(noted(disk), ['whole-sectors']);
  assert.equal(disk.canonical, false);
});

test('vdi: a count of blocks that is not the map’s is noted', async () => {
  const { file } = buildVdi();
  file.put(388, u32(7));
  const disk = await vdi.open(file, 'deny');
  const finding = disk.findings.find((f) => f.level === 'noted');
  assert.deepEqual([finding?.check, finding?.offset], ['blocks-allocated', 388]);
  assert.equal(disk.canonical, false);
});

test('vdi H15: bytes behind the last block are noted by the scan', async () => {
  const { file } = buildVdi();
  const scan = await scanDisk(await vdi.open(file.put(file.size, new Uint8Array(4096).fill(1)), 'deny'));
  assert.equal(scan.trailingBytes, 4096);
  assert.equal(scan.canonical, false);
});

test('vdi: the header of version 1.0 is read where all its numbers agree', async () => {
  const { file, dataOffset } = buildOldVdi();
  const disk = await openChecked(file);
  assert.equal(disk.facts.details['version'], '1.0');
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'hole', guestOffset: 0, length: MiB },
    { kind: 'stored', guestOffset: MiB, length: MiB, fileOffset: dataOffset },
    { kind: 'hole', guestOffset: 2 * MiB, length: MiB },
  ]);
  assert.deepEqual(noted(disk), ['version']);
});

test('vdi: version 1.0 with the longer header of 1.1 is read', async () => {
  const disk = await vdi.open(buildVdi({ version: 0x1_0000 }).file, 'deny');
  assert.deepEqual(noted(disk), ['version']);
  assert.equal(disk.virtualSize, 24_117_760);
});

test('vdi: an empty disk of 63 TiB is walked in extents of a GiB, not of a block', async () => {
  const size = 63 * 1024 ** 4;
  const { file } = buildVdi({ entries: new Map(), dataBlocks: 0 });
  const blocks = size / MiB;
  const big = new SparseMemory(1024 + 4 * blocks);
  const header = new Uint8Array(512);
  await file.read(0, header);
  big.put(0, header);
  // A hole in the file reads as entry 0; all blocks are made "unallocated" by a source of FF.
  const ones = {
    size: big.size,
    read: async (offset: number, target: Uint8Array): Promise<void> => {
      if (offset === 0) await big.read(offset, target);
      target.fill(0xff, offset === 0 ? 512 : 0);
    },
  };
  const view = new DataView(header.buffer);
  view.setBigUint64(368, BigInt(size), true);
  view.setUint32(384, blocks, true);
  view.setUint32(344, 1024 + 4 * blocks, true);
  view.setUint32(388, 0, true);
  big.put(0, header);
  const pieces = await piecesOf(await vdi.open(ones, 'deny'));
  assert.ok(pieces.every((piece) => piece.kind === 'hole'));
  assert.ok(pieces.length < 63 * 1024 + 8, `${pieces.length} extents`);
});
