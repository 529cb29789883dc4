import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { memoryFile } from '../../access/memory-file.ts';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { u16be, u32be, u64be } from '../../bytes/integers.ts';
import type { PlacedRun } from '../../convert/layout.ts';
import { scanDisk } from '../../disk/scan.ts';
import { raw } from '../raw/driver.ts';
import { guestBytes, writeByLayout } from '../testing.ts';
import { qcow2 } from './driver.ts';
import { qcow2Layout } from './layout.ts';

const seed = new Uint8Array(16);
const GiB = 1024 ** 3;

/** A disk of `units` × `unitSize` where the units in `data` hold their own number. */
async function diskWith(units: number, unitSize: number, data: readonly number[]) {
  const bytes = new Uint8Array(units * unitSize);
  for (const unit of data) bytes.fill((unit % 255) + 1, unit * unitSize, (unit + 1) * unitSize);
  return { bytes, disk: await raw.open(memoryFile(bytes), 'deny') };
}

test('qcow2 layout: what is written opens, scans clean, is canonical and shows the same guest bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(512, 1024, 4096, 65_536),
      fc.integer({ min: 1, max: 40 }),
      fc.uniqueArray(fc.nat(39), { maxLength: 40 }),
      async (unitSize, units, drawn) => {
        const { bytes, disk } = await diskWith(
          units,
          unitSize,
          drawn.filter((unit) => unit < units),
        );
        const file = await writeByLayout(disk, qcow2Layout(disk.virtualSize, { seed, unitSize }));
        assert.equal(file.size % unitSize, 0);
        const written = await qcow2.open(file, 'deny');
        const scan = await scanDisk(written);
        assert.equal(scan.canonical, true);
        assert.equal(scan.highestUsedByte, file.size);
        assert.deepEqual(await guestBytes(written), bytes);
      },
    ),
    { numRuns: 40 },
  );
});

test('qcow2 layout: every cluster of the file has refcount 1', async () => {
  const { disk } = await diskWith(40, 512, [0, 1, 2, 10, 39]);
  const file = await writeByLayout(disk, qcow2Layout(disk.virtualSize, { seed, unitSize: 512 }));
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  const block = u64be(bytes, u64be(bytes, 48)!)!;
  const counts = Array.from({ length: file.size / 512 }, (_, i) => u16be(bytes, block + i * 2));
  assert.deepEqual(
    counts,
    counts.map(() => 1),
  );
});

test('qcow2 layout: runs that are not ascending in the file, and gaps between them, are right too', async () => {
  const layout = qcow2Layout(8 * 65_536, { seed });
  const runs: PlacedRun[] = [
    { firstUnit: 5, count: 2, fileOffset: 65_536, unitLength: 65_536 },
    { firstUnit: 0, count: 1, fileOffset: 5 * 65_536, unitLength: 65_536 },
  ];
  const file = new SparseMemory();
  for (const made of layout.finish(runs, 6 * 65_536)) file.put(made.fileOffset, made.bytes);
  const stored: unknown[] = [];
  for await (const extent of (await qcow2.open(file, 'deny')).extents(0)) {
    if (extent.kind === 'stored') stored.push([extent.guestOffset, extent.length, extent.fileOffset]);
  }
  assert.deepEqual(stored, [
    [0, 65_536, 5 * 65_536],
    [5 * 65_536, 2 * 65_536, 65_536],
  ]);
});

test('qcow2 layout: a full TiB needs tables by the piece, never all at once', () => {
  const unitSize = 65_536;
  const count = (1024 * GiB) / unitSize;
  const layout = qcow2Layout(1024 * GiB, { seed });
  let bytes = 0;
  let largest = 0;
  let end = 0;
  const runs = [{ firstUnit: 0, count, fileOffset: unitSize, unitLength: unitSize }];
  for (const made of layout.finish(runs, unitSize + count * unitSize)) {
    bytes += made.bytes.length;
    largest = Math.max(largest, made.bytes.length);
    end = Math.max(end, made.fileOffset + made.bytes.length);
  }
  assert.ok(largest <= unitSize, `a piece of ${largest} bytes`);
  // 128 MiB of L2 entries, 32 MiB of refcounts, and little else.
  assert.ok(bytes < 170 * 1024 * 1024, `${bytes} bytes of tables`);
  assert.equal(end % unitSize, 0);
});

test('qcow2 layout: the header is that of qemu-img: version 3, 112 bytes, feature names', async () => {
  const { disk } = await diskWith(1, 65_536, []);
  const file = await writeByLayout(disk, qcow2Layout(disk.virtualSize, { seed }));
  const head = new Uint8Array(1024);
  await file.read(0, head);
  assert.equal(u32be(head, 4), 3);
  assert.equal(u32be(head, 20), 16);
  assert.equal(u32be(head, 96), 4);
  assert.equal(u32be(head, 100), 112);
  assert.equal(u32be(head, 112), 0x6803f857);
  assert.equal(u32be(head, 116), 384);
  assert.equal(new TextDecoder().decode(head.subarray(122, 131)), 'dirty bit');
});

test('qcow2 layout: an unknown cluster size, compression or too large a disk is refused', () => {
  assert.throws(() => qcow2Layout(GiB, { seed, unitSize: 3000 }), { kind: 'disk-unsupported' });
  assert.throws(() => qcow2Layout(GiB, { seed, compression: 'zstd' }), { kind: 'disk-unsupported' });
  assert.throws(() => qcow2Layout(1024 * GiB, { seed, unitSize: 512 }), { kind: 'disk-too-large' });
  assert.throws(() => qcow2Layout(1000, { seed }), { kind: 'disk-corrupt' });
});
