import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { memoryFile } from '../../access/memory-file.ts';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { scanDisk } from '../../disk/scan.ts';
import type { Disk } from '../../disk/disk.ts';
import { detect } from '../../inspect/detect.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { guestBytes, piecesOf } from '../testing.ts';
import { vhd } from './driver.ts';
import {
  buildDynamic,
  buildFixed,
  changeAt,
  changeFooters,
  changeHeader,
  footerBytes,
  u32,
  type VhdShape,
} from './testing.ts';

const MiB = 1024 * 1024;

const noted = (disk: Disk): string[] => disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);

test('vhd dynamic: stored blocks lie behind their bitmaps, absent ones are holes', async () => {
  const { file, dataOffset, blockStride } = buildDynamic();
  const disk = await vhd.open(file, 'deny');
  assert.equal(disk.virtualSize, 24_117_760);
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: 2 * MiB, fileOffset: dataOffset + 512 },
    { kind: 'hole', guestOffset: 2 * MiB, length: 4 * MiB },
    { kind: 'stored', guestOffset: 6 * MiB, length: 2 * MiB, fileOffset: dataOffset + blockStride + 512 },
    { kind: 'hole', guestOffset: 8 * MiB, length: 24_117_760 - 8 * MiB },
  ]);
  const scan = await scanDisk(disk);
  assert.equal(scan.canonical, true);
  assert.equal(scan.dataBytes, 4 * MiB);
  assert.equal(scan.highestUsedByte, file.size);
});

test('vhd dynamic: extents may start in the middle of a block', async () => {
  const { file, dataOffset } = buildDynamic();
  const [first, second] = await piecesOf(await vhd.open(file, 'deny'), MiB + 512);
  assert.deepEqual(first, {
    kind: 'stored',
    guestOffset: MiB + 512,
    length: MiB - 512,
    fileOffset: dataOffset + MiB + 1024,
  });
  assert.equal(second?.kind, 'hole');
});

test('vhd dynamic: any map of blocks gives the bytes that were put there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(512, 4096, 65_536),
      fc.uniqueArray(fc.nat(19), { maxLength: 20 }),
      fc.integer({ min: 1, max: 8 }),
      async (blockSize, stored, cut) => {
        const currentSize = 20 * blockSize - Math.min(cut * 512, blockSize - 512);
        const blocks = stored.map((block) => [block, block + 1] as const);
        const { file } = buildDynamic({ blockSize, currentSize, blocks });
        const disk = await vhd.open(file, 'deny');
        await scanDisk(disk);
        const expected = new Uint8Array(currentSize);
        for (const [block, fill] of blocks) expected.fill(fill, block * blockSize, (block + 1) * blockSize);
        assert.deepEqual(await guestBytes(disk), expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('vhd dynamic: an empty disk of 2040 GiB takes a few steps, not one for each block', async () => {
  const disk = await vhd.open(buildDynamic({ currentSize: 2040 * 1024 * MiB, blocks: [] }).file, 'deny');
  const pieces = await piecesOf(disk);
  assert.ok(pieces.length <= 2040 + 64, `${pieces.length} extents`);
  assert.ok(pieces.every((piece) => piece.kind === 'hole'));
});

test('vhd dynamic: the last block need not reach behind the end of the disk', async () => {
  // Some writers end the last block with the disk; the footer follows at once.
  const shape: VhdShape = { currentSize: 3 * MiB, blocks: [[1, 0x77]] };
  const { file, dataOffset } = buildDynamic(shape);
  await file.truncate(dataOffset + 512 + MiB);
  const disk = await vhd.open(file.put(file.size, footerBytes(shape)), 'deny');
  await scanDisk(disk);
  assert.equal((await guestBytes(disk))[3 * MiB - 1], 0x77);
});

test('vhd fixed: recognised by its footer alone, one extent for all', async () => {
  const file = buildFixed({ currentSize: 8192 });
  const detection = await detect(file);
  assert.deepEqual(detection.disks, [{ format: 'vhd', offset: 8192 }]);
  const disk = await openChecked(file);
  assert.equal(disk.facts.subformat, 'fixed');
  assert.deepEqual(await piecesOf(disk), [{ kind: 'stored', guestOffset: 0, length: 8192, fileOffset: 0 }]);
  assert.deepEqual(noted(disk), []);
  assert.equal((await scanDisk(disk)).canonical, true);
});

test('vhd H13: bytes between a fixed disk and its footer are noted and not shown', async () => {
  const disk = await vhd.open(buildFixed({ currentSize: 4096 }, 8192), 'deny');
  assert.equal(disk.virtualSize, 4096);
  assert.deepEqual(noted(disk), ['fixed-length']);
  assert.equal(disk.canonical, false);
});

test('vhd fixed: a footer of 511 bytes is read with a note', async () => {
  const whole = buildFixed({ currentSize: 8192 });
  await whole.truncate(whole.size - 1);
  const disk = await openChecked(whole);
  assert.equal(disk.virtualSize, 8192);
  assert.deepEqual(noted(disk), ['short-footer']);
  assert.equal((await scanDisk(disk)).canonical, false);
});

test('vhd fixed: a size of no whole sectors is rounded up with zeros', async () => {
  const disk = await vhd.open(buildFixed({ currentSize: 8000 }, 8000), 'deny');
  assert.equal(disk.virtualSize, 8192);
  const bytes = await guestBytes(disk);
  assert.deepEqual(bytes.subarray(8000), new Uint8Array(192));
  assert.notEqual(bytes[7999], 0);
  assert.deepEqual(noted(disk), ['whole-sectors']);
  assert.equal(disk.canonical, false);
});

test('vhd fixed: a guest whose first sector looks like the front of a VHD is ambiguous, not guessed', async () => {
  const file = buildFixed({ currentSize: 8192 }).put(0, footerBytes({ type: 3, currentSize: 8192 }));
  await assert.rejects(vhd.open(file, 'deny'), { kind: 'disk-ambiguous' });
});

test('vhd dynamic: each footer copy stands in for the other, with a note', async () => {
  for (const broken of ['front', 'end'] as const) {
    const { file, footerAt } = buildDynamic();
    file.put((broken === 'front' ? 0 : footerAt) + 100, Uint8Array.of(1));
    const disk = await openChecked(file);
    assert.deepEqual(noted(disk), ['footer-copies']);
    assert.equal(disk.canonical, false);
    assert.equal((await guestBytes(disk))[0], 0x11);
  }
});

test('vhd dynamic: a lost front copy does not make it raw', async () => {
  const { file } = buildDynamic();
  file.put(0, new Uint8Array(512));
  const disk = await openChecked(file);
  assert.equal(disk.facts.subformat, 'dynamic');
  assert.deepEqual(noted(disk), ['footer-copies']);
});

test('vhd dynamic: copies that differ in what leaves the disk alike are noted', async () => {
  const { file, footerAt } = buildDynamic();
  await changeAt(file, { at: footerAt, length: 512, sumAt: 64 }, (footer) => footer.fill(9, 24, 28));
  const disk = await vhd.open(file, 'deny');
  assert.deepEqual(noted(disk), ['footer-copies']);
  assert.equal(disk.canonical, false);
});

test('vhd dynamic H15: bytes behind the footer are found by the front copy, and noted', async () => {
  const { file } = buildDynamic();
  const disk = await vhd.open(file.put(file.size, new Uint8Array(4096).fill(7)), 'deny');
  assert.deepEqual(noted(disk), ['footer-copies']);
  const scan = await scanDisk(disk);
  assert.equal(scan.canonical, false);
  assert.ok(scan.trailingBytes >= 4096);
});

test('vhd: a suspended machine is noted', async () => {
  const built = buildDynamic();
  await changeFooters(built, (footer) => footer.fill(1, 84, 85));
  const disk = await vhd.open(built.file, 'deny');
  assert.deepEqual(noted(disk), ['saved-state']);
  assert.equal(disk.canonical, false);
});

test('vhd dynamic: a bitmap with 0 bits is noted at its block, the data are read all the same', async () => {
  const { file, dataOffset } = buildDynamic();
  file.put(dataOffset + 3, Uint8Array.of(0xf0));
  const disk = await vhd.open(file, 'deny');
  const finding = disk.findings.find((f) => f.level === 'noted');
  assert.deepEqual([finding?.check, finding?.offset, finding?.value], ['sector-bitmap', dataOffset, 4]);
  assert.equal((await guestBytes(disk))[28 * 512], 0x11);
});

test('vhd dynamic: a BAT with more entries than needed is read', async () => {
  const built = buildDynamic();
  await changeHeader(built, (header) => header.set(u32(100), 28));
  const disk = await vhd.open(built.file, 'deny');
  assert.equal(disk.facts.details['batEntries'], 100);
});

// 46 × 16 × 63 sectors = 23 740 416 bytes; a cylinder has 516 096.
const chs = 46 * 16 * 63 * 512;
const cases: readonly [creator: string, currentSize: number, ours: number, notes: readonly string[]][] = [
  ['vpc ', chs, chs, []],
  ['vpc ', chs + 512, chs, ['geometry']],
  ['qemu', chs + 516_095 + 1, chs + 516_096, ['geometry']],
  ['qemu', chs - 512, chs - 512, ['geometry']],
  ['vbox', chs + 512, chs + 512, ['geometry']],
  ['win ', chs + 512, chs + 512, []],
  ['qem2', chs + 512, chs + 512, []],
  ['tap\0', chs + 512, chs + 512, []],
  ['CTXS', chs + 512, chs + 512, []],
  ['d2v ', chs + 512, chs + 512, []],
];
for (const [creator, currentSize, ours, notes] of cases) {
  const name = JSON.stringify(creator);
  test(`vhd H30: made by ${name}, geometry ${chs}, current size ${currentSize}: ${ours} bytes`, async () => {
    const { file } = buildDynamic({ creator, currentSize, geometry: [46, 16, 63] });
    const disk = await vhd.open(file, 'deny');
    assert.equal(disk.virtualSize, ours);
    assert.deepEqual(noted(disk), notes);
    assert.equal(disk.canonical, notes.length === 0 || currentSize === chs || ours === chs);
  });
}

test('vhd H30: the largest geometry says nothing, the current size rules', async () => {
  const disk = await vhd.open(buildDynamic({ creator: 'qemu' }).file, 'deny');
  assert.equal(disk.virtualSize, 24_117_760);
  assert.deepEqual(noted(disk), []);
});

test('vhd H28: the BAT is read once; a file that changes between two reads shows no second answer', async () => {
  const { file, batOffset } = buildDynamic();
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  const source = memoryFile(bytes);
  const disk = await vhd.open(source, 'deny');
  const before = await piecesOf(disk);
  bytes.set(u32(0), batOffset);
  assert.deepEqual(await piecesOf(disk), before);
});

test('vhd: opening reads no more than a few hundred KiB', async () => {
  const built = buildDynamic({ currentSize: 500 * 1024 * MiB, blocks: [[5, 1]] });
  let read = 0;
  const counted = {
    size: built.file.size,
    read: (offset: number, target: Uint8Array): Promise<void> => {
      read += target.length;
      return built.file.read(offset, target);
    },
  };
  await vhd.open(counted, 'deny');
  assert.ok(read < 256 * 1024, `${read} bytes`);
});

test('vhd: a file of holes and a fixed footer of 63 TiB costs nothing to open', async () => {
  const size = 63 * 1024 ** 4;
  const file = new SparseMemory(size).put(size, footerBytes({ type: 2, currentSize: size }));
  const disk = await vhd.open(file, 'deny');
  assert.equal(disk.virtualSize, size);
});
