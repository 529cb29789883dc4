import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { putU32be, putU32le, putU64le } from '../../bytes/integers.ts';
import { scanDisk } from '../../disk/scan.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { assertRefused, piecesOf } from '../testing.ts';
import { qed } from './driver.ts';
import { MAGIC } from './header.ts';

const CLUSTER = 4096;
/** With one cluster of 4096 bytes a table has 512 entries: an L2 table spans 2 MiB. */
const L1 = CLUSTER;
const L2 = 2 * CLUSTER;
const DATA = 3 * CLUSTER;

const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  putU64le(bytes, 0, value);
  return bytes;
};
const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  putU32le(bytes, 0, value);
  return bytes;
};

/** header | L1 | one L2 | data; clusters of 4096 bytes, tables of one. */
function build(
  entries: ReadonlyMap<number, number> = new Map(),
  dataClusters = 4,
  virtualSize = 1024 * 1024,
) {
  const file = new SparseMemory(DATA + dataClusters * CLUSTER);
  const header = new Uint8Array(64);
  putU32be(header, 0, MAGIC);
  putU32le(header, 4, CLUSTER);
  putU32le(header, 8, 1);
  putU32le(header, 12, 1);
  putU64le(header, 40, L1);
  putU64le(header, 48, virtualSize);
  file.put(0, header).put(L1, u64(L2));
  for (const [cluster, offset] of entries) file.put(L2 + cluster * 8, u64(offset));
  return file;
}

const recipes: {
  title: string;
  entries?: Map<number, number>;
  poke?: [number, Uint8Array][];
  expect: { kind: DiskErrorKind; field: string; offset: number };
}[] = [
  {
    title: 'H1: a size of 2^64 − 1',
    poke: [[48, new Uint8Array(8).fill(255)]],
    expect: { kind: 'disk-corrupt', field: 'image_size', offset: 48 },
  },
  {
    title: 'H1: an L2 entry above 2^53',
    poke: [[L2, Uint8Array.of(0, 0, 0, 0, 0, 0, 0xe0, 0)]],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: L2 },
  },
  {
    title: 'a size that the tables do not reach',
    poke: [[48, u64(512 * 512 * CLUSTER + 512)]],
    expect: { kind: 'disk-corrupt', field: 'image_size', offset: 48 },
  },
  {
    title: 'H5: a size above the cap',
    poke: [[48, u64(2 ** 46 + 512)]],
    expect: { kind: 'disk-too-large', field: 'image_size', offset: 48 },
  },
  {
    title: 'no size',
    poke: [[48, u64(0)]],
    expect: { kind: 'disk-corrupt', field: 'image_size', offset: 48 },
  },
  {
    title: 'a cluster size that is no power of two',
    poke: [[4, u32(5000)]],
    expect: { kind: 'disk-corrupt', field: 'cluster_size', offset: 4 },
  },
  {
    title: 'H2: a cluster size of 2^31',
    poke: [[4, u32(2 ** 31)]],
    expect: { kind: 'disk-corrupt', field: 'cluster_size', offset: 4 },
  },
  {
    title: 'a table of 32 clusters',
    poke: [[8, u32(32)]],
    expect: { kind: 'disk-corrupt', field: 'table_size', offset: 8 },
  },
  {
    title: 'H2: a header of 2^32 − 1 clusters',
    poke: [[12, u32(2 ** 32 - 1)]],
    expect: { kind: 'disk-corrupt', field: 'header_size', offset: 12 },
  },
  {
    title: 'H3: L1 behind the end',
    poke: [[40, u64(2 ** 40)]],
    expect: { kind: 'disk-truncated', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H17: L1 not on a cluster',
    poke: [[40, u64(L1 + 512)]],
    expect: { kind: 'disk-corrupt', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H3: L2 behind the end',
    poke: [[L1, u64(2 ** 40)]],
    expect: { kind: 'disk-truncated', field: 'l1_entry', offset: L1 },
  },
  {
    title: 'H3: data behind the end',
    entries: new Map([[2, 2 ** 40]]),
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: L2 + 16 },
  },
  {
    title: 'H17: data not on a cluster',
    entries: new Map([[2, DATA + 512]]),
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: L2 + 16 },
  },
  {
    title: 'H8: an L2 table that is the L1 table',
    poke: [[L1, u64(L1)]],
    expect: { kind: 'disk-corrupt', field: 'l1_entry', offset: L1 },
  },
  {
    title: 'H8: data in the L2 table',
    entries: new Map([[0, L2]]),
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: L2 },
  },
  {
    title: 'H10: two guest clusters on one',
    entries: new Map([
      [0, DATA],
      [5, DATA],
    ]),
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: L2 + 40 },
  },
  {
    title: 'H18: a backing file',
    poke: [
      [16, Uint8Array.of(1)],
      [56, u32(100)],
      [60, u32(4)],
    ],
    expect: { kind: 'disk-unsafe', field: 'features', offset: 16 },
  },
  {
    title: 'H25: an unknown feature',
    poke: [[16, Uint8Array.of(8)]],
    expect: { kind: 'disk-unsupported', field: 'features', offset: 16 },
  },
];

for (const { title, entries, poke = [], expect } of recipes) {
  test(`qed: refused: ${title}`, async () => {
    const file = build(entries);
    for (const [at, bytes] of poke) file.put(at, bytes);
    await assertRefused(qed, file, expect);
  });
}

test('qed: a header that is cut is truncated', async () => {
  await assertRefused(qed, new SparseMemory(63), { kind: 'disk-truncated', field: 'header', offset: 0 });
});

test('H24: a dirty file is accepted after a clean scan, and refused where a cluster is used twice', async () => {
  const clean = build(new Map([[0, DATA]])).put(16, Uint8Array.of(2));
  const disk = await qed.open(clean, 'deny');
  assert.equal((await scanDisk(disk)).canonical, false);
  assert.ok(disk.findings.some((f) => f.check === 'dirty-mark' && f.level === 'noted'));
  const torn = build(
    new Map([
      [0, DATA],
      [1, DATA],
    ]),
  ).put(16, Uint8Array.of(2));
  await assert.rejects(scanDisk(await qed.open(torn, 'deny')), { kind: 'disk-corrupt' });
});

test('qed: the last cluster may be cut by the end of the file; zeros follow', async () => {
  const file = build(new Map([[0, DATA]]), 1, CLUSTER);
  await file.truncate(DATA + 100);
  assert.deepEqual(await piecesOf(await qed.open(file, 'deny')), [
    { kind: 'stored', guestOffset: 0, length: 100, fileOffset: DATA },
    { kind: 'zero', guestOffset: 100, length: CLUSTER - 100 },
  ]);
});

test('qed: the map gives back random tables, from any guest offset', async () => {
  const cells = fc.array(fc.constantFrom('hole', 'zero', 'stored'), { minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(cells, fc.nat(299), async (drawn, skipped) => {
      const count = drawn.length;
      const entries = new Map<number, number>();
      drawn.forEach((cell, i) => {
        if (cell === 'zero') entries.set(i, 1);
        if (cell === 'stored') entries.set(i, DATA + (count - 1 - i) * CLUSTER);
      });
      const disk = await qed.open(build(entries, count, count * CLUSTER), 'deny');
      await scanDisk(disk);
      const from = Math.min(skipped, count - 1) * CLUSTER + 512;
      for (const piece of await piecesOf(disk, from)) {
        for (let at = piece.guestOffset; at < piece.guestOffset + piece.length; at += 512) {
          const i = Math.floor(at / CLUSTER);
          assert.equal(piece.kind, drawn[i]);
          if (piece.kind !== 'stored') continue;
          const place = piece.fileOffset + at - piece.guestOffset;
          assert.equal(place, DATA + (count - 1 - i) * CLUSTER + (at % CLUSTER));
        }
      }
    }),
    { numRuns: 40 },
  );
});
