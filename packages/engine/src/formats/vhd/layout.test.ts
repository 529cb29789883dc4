import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { memoryFile } from '../../access/memory-file.ts';
import { readBytes } from '../../access/read.ts';
import { u32be } from '../../bytes/integers.ts';
import { scanDisk } from '../../disk/scan.ts';
import { raw } from '../raw/driver.ts';
import { guestBytes, writeByLayout } from '../testing.ts';
import { vhd } from './driver.ts';
import { geometryOf } from './geometry.ts';
import { MAX_VHD_BYTES, vhdLayout } from './layout.ts';

const MiB = 1024 * 1024;
const seed = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

for (const subformat of ['dynamic', 'fixed'] as const) {
  test(`vhd layout, ${subformat}: what is written opens, scans clean, is canonical and shows the same bytes`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20_000 }),
        fc.array(fc.nat(19_999), { maxLength: 12 }),
        async (sectors, drawn) => {
          const bytes = new Uint8Array(sectors * 512);
          for (const sector of drawn.filter((s) => s < sectors)) bytes[sector * 512 + 17] = sector % 255 || 1;
          const source = await raw.open(memoryFile(bytes), 'deny');
          const layout = vhdLayout(bytes.length, { seed, subformat });
          const file = await writeByLayout(source, layout);
          const written = await vhd.open(file, 'deny');
          const scan = await scanDisk(written);
          assert.equal(written.facts.subformat, subformat);
          assert.equal(written.virtualSize, bytes.length);
          assert.equal(scan.canonical, true);
          assert.equal(scan.highestUsedByte, file.size);
          assert.ok(written.findings.every((f) => f.level === 'passed'));
          assert.deepEqual(await guestBytes(written), bytes);
        },
      ),
      { numRuns: 15 },
    );
  });
}

test('vhd layout: the same input gives the same bytes, another seed another id and nothing else', async () => {
  const bytes = new Uint8Array(3 * MiB).fill(7);
  const source = await raw.open(memoryFile(bytes), 'deny');
  const write = async (id: Uint8Array): Promise<Uint8Array> => {
    const file = await writeByLayout(source, vhdLayout(bytes.length, { seed: id }));
    return readBytes(file, 0, file.size);
  };
  const first = await write(seed);
  assert.deepEqual(await write(seed), first);
  const other = await write(new Uint8Array(16));
  const differing = [...first.keys()].filter((i) => first[i] !== other[i]);
  const isId = (i: number): boolean => {
    const inFooter = i < 512 ? i : i - (first.length - 512);
    return inFooter >= 64 && inFooter < 84; // checksum and id
  };
  assert.ok(differing.length > 0 && differing.every(isId));
});

test('vhd layout: the BAT has an entry for each block and no more, absent ones FFFFFFFF', async () => {
  const bytes = new Uint8Array(5 * MiB);
  bytes[2 * MiB] = 1;
  const source = await raw.open(memoryFile(bytes), 'deny');
  const file = await writeByLayout(source, vhdLayout(bytes.length, { seed }));
  const start = await readBytes(file, 0, 2048);
  assert.equal(u32be(start, 512 + 28), 3);
  assert.deepEqual(
    [0, 1, 2].map((i) => u32be(start, 1536 + 4 * i)),
    [0xffff_ffff, 4, 0xffff_ffff],
  );
  assert.deepEqual(await readBytes(file, 2048, 512), new Uint8Array(512).fill(0xff), 'the bitmap is full');
  assert.equal(file.size, 2048 + 512 + 2 * MiB + 512);
});

test('vhd layout: an empty dynamic disk is header, BAT and footer', async () => {
  const source = await raw.open(memoryFile(new Uint8Array(2 * MiB)), 'deny');
  const file = await writeByLayout(source, vhdLayout(2 * MiB, { seed }));
  assert.equal(file.size, 2048 + 512);
});

test('vhd layout: 2040 GiB are the limit, and more is refused', () => {
  for (const subformat of ['dynamic', 'fixed']) {
    assert.equal(vhdLayout(MAX_VHD_BYTES, { seed, subformat }).virtualSize, MAX_VHD_BYTES);
    assert.throws(() => vhdLayout(MAX_VHD_BYTES + 512, { seed, subformat }), { kind: 'disk-too-large' });
  }
});

test('vhd layout: an unknown subformat is refused', () => {
  assert.throws(() => vhdLayout(MiB, { seed, subformat: 'differencing' }), { kind: 'disk-unsupported' });
});

test('vhd layout: places behind 2 TiB have no BAT entry, and are not cut to 32 bits', () => {
  const layout = vhdLayout(4 * MiB, { seed });
  const runs = [{ firstUnit: 0, count: 1, fileOffset: 2 ** 41, unitLength: 2 * MiB + 512 }];
  assert.throws(() => [...layout.finish(runs, 2 ** 42)], RangeError);
});

// Worked by hand from the specification's appendix.
const geometries: readonly [bytes: number, cylinders: number, heads: number, sectors: number][] = [
  [512, 0, 4, 17],
  [MiB, 30, 4, 17],
  [24_117_760, 692, 4, 17],
  [1024 * MiB, 2080, 16, 63],
  [127 * 1024 * MiB, 65_278, 16, 255],
  [MAX_VHD_BYTES, 65_535, 16, 255],
];
for (const [bytes, cylinders, heads, sectorsPerTrack] of geometries) {
  test(`vhd geometry of ${bytes} bytes is ${cylinders}/${heads}/${sectorsPerTrack}`, () => {
    assert.deepEqual(geometryOf(bytes / 512), { cylinders, heads, sectorsPerTrack });
  });
}
