import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { ceilDiv } from '../../bytes/align.ts';
import { putU32be, putU64be } from '../../bytes/integers.ts';
import { scanDisk } from '../../disk/scan.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { assertRefused, piecesOf } from '../testing.ts';
import { qcow } from './driver.ts';
import { HEADER_BYTES, MAGIC } from './header.ts';

interface Shape {
  readonly clusterBits?: number;
  readonly l2Bits?: number;
  readonly virtualSize?: number;
  /** L2 entries by guest cluster. */
  readonly entries?: ReadonlyMap<number, bigint>;
  readonly dataClusters?: number;
}

/** header | L1 at 48 | L2 tables (all), each on a cluster | data. */
function build(shape: Shape = {}) {
  const { clusterBits = 12, l2Bits = 9, virtualSize = 1024 * 1024 } = shape;
  const clusterSize = 2 ** clusterBits;
  const l1Entries = ceilDiv(virtualSize, 2 ** (clusterBits + l2Bits));
  const l2Offset = ceilDiv(HEADER_BYTES + l1Entries * 8, clusterSize) * clusterSize;
  const tableBytes = ceilDiv(2 ** l2Bits * 8, clusterSize) * clusterSize;
  const dataOffset = l2Offset + l1Entries * tableBytes;
  const file = new SparseMemory(dataOffset + (shape.dataClusters ?? 0) * clusterSize);
  const header = new Uint8Array(HEADER_BYTES);
  putU32be(header, 0, MAGIC);
  putU32be(header, 4, 1);
  putU64be(header, 24, virtualSize);
  header[32] = clusterBits;
  header[33] = l2Bits;
  putU64be(header, 40, HEADER_BYTES);
  file.put(0, header);
  for (let i = 0; i < l1Entries; i++)
    file.put(HEADER_BYTES + i * 8, entry(BigInt(l2Offset + i * tableBytes)));
  for (const [cluster, value] of shape.entries ?? []) {
    const at = l2Offset + Math.floor(cluster / 2 ** l2Bits) * tableBytes + (cluster % 2 ** l2Bits) * 8;
    file.put(at, entry(value));
  }
  return { file, clusterSize, l2Offset, dataOffset };
}

function entry(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

const packed = (clusterBits: number, offset: number, length: number): bigint =>
  (1n << 63n) | (BigInt(length) << BigInt(63 - clusterBits)) | BigInt(offset);

const number = (value: number): Uint8Array => entry(BigInt(value));
// With the defaults: L1 at 48, L2 at 4096, data at 8192.
const DATA = 8192;

const recipes: {
  title: string;
  shape?: Shape;
  poke?: [number, Uint8Array][];
  expect: { kind: DiskErrorKind; field: string; offset: number };
}[] = [
  {
    title: 'H1: a size of 2^63',
    poke: [[24, new Uint8Array(8).fill(0x80)]],
    expect: { kind: 'disk-corrupt', field: 'size', offset: 24 },
  },
  {
    title: 'H4: an L1 table of 256 MiB that is computed, in a file of 4 KiB',
    shape: { clusterBits: 9, l2Bits: 6, virtualSize: 512 * 64 },
    poke: [[24, number(2 ** 40)]],
    expect: { kind: 'disk-truncated', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H5: a size above the cap',
    poke: [[24, number(2 ** 46 + 512)]],
    expect: { kind: 'disk-too-large', field: 'size', offset: 24 },
  },
  { title: 'no size', poke: [[24, number(0)]], expect: { kind: 'disk-corrupt', field: 'size', offset: 24 } },
  {
    title: 'cluster_bits 17',
    poke: [[32, Uint8Array.of(17)]],
    expect: { kind: 'disk-corrupt', field: 'cluster_bits', offset: 32 },
  },
  {
    title: 'l2_bits 14',
    poke: [[33, Uint8Array.of(14)]],
    expect: { kind: 'disk-corrupt', field: 'l2_bits', offset: 33 },
  },
  {
    title: 'H3: L1 behind the end',
    poke: [[40, number(2 ** 40)]],
    expect: { kind: 'disk-truncated', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H3: L2 behind the end',
    poke: [[48, number(2 ** 40)]],
    expect: { kind: 'disk-truncated', field: 'l1_entry', offset: 48 },
  },
  {
    title: 'H3: data behind the end',
    shape: { entries: new Map([[3, 2n ** 40n]]) },
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: 4096 + 24 },
  },
  {
    title: 'H32: packed data behind the end',
    shape: { dataClusters: 1, entries: new Map([[0, packed(12, DATA + 4000, 100)]]) },
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: 4096 },
  },
  {
    title: 'a packed cluster of no bytes',
    shape: { dataClusters: 1, entries: new Map([[0, packed(12, DATA, 0)]]) },
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 4096 },
  },
  {
    title: 'H8: an L1 table in the header',
    poke: [[40, number(16)]],
    expect: { kind: 'disk-corrupt', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H8: an L2 table in the L1 table',
    poke: [[48, number(48)]],
    expect: { kind: 'disk-corrupt', field: 'l1_entry', offset: 48 },
  },
  {
    title: 'H8: data in the header',
    shape: { entries: new Map([[0, 8n]]) },
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 4096 },
  },
  {
    title: 'H10: two guest clusters on one',
    shape: {
      dataClusters: 1,
      entries: new Map([
        [1, BigInt(DATA)],
        [9, BigInt(DATA)],
      ]),
    },
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 4096 + 72 },
  },
  {
    title: 'H7: two guest clusters on one packed run',
    shape: {
      dataClusters: 1,
      entries: new Map([
        [1, packed(12, DATA, 900)],
        [9, packed(12, DATA, 900)],
      ]),
    },
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 4096 + 72 },
  },
  {
    title: 'H18: a backing file',
    poke: [[8, number(100)]],
    expect: { kind: 'disk-unsafe', field: 'backing_file_offset', offset: 8 },
  },
  {
    title: 'H23: encryption',
    poke: [[36, Uint8Array.of(0, 0, 0, 1)]],
    expect: { kind: 'disk-encrypted', field: 'crypt_method', offset: 36 },
  },
];

for (const { title, shape, poke = [], expect } of recipes) {
  test(`qcow: refused: ${title}`, async () => {
    const { file } = build(shape);
    for (const [at, bytes] of poke) file.put(at, bytes);
    await assertRefused(qcow, file, expect);
  });
}

test('qcow: a header that is cut is truncated', async () => {
  await assertRefused(qcow, new SparseMemory(47), { kind: 'disk-truncated', field: 'header', offset: 0 });
});

test('qcow: an odd size goes on with zeros to a whole sector, whatever the cluster holds there', async () => {
  const { file } = build({ virtualSize: 1000, dataClusters: 1, entries: new Map([[0, BigInt(DATA)]]) });
  const disk = await qcow.open(file, 'deny');
  assert.equal(disk.virtualSize, 1024);
  assert.equal(disk.canonical, false);
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: 1000, fileOffset: DATA },
    { kind: 'zero', guestOffset: 1000, length: 24 },
  ]);
  assert.deepEqual(await piecesOf(disk, 1010), [{ kind: 'zero', guestOffset: 1010, length: 14 }]);
});

test('qcow: the map gives back random tables, plain and packed, of any cluster and table size', async () => {
  const cells = fc.array(fc.constantFrom('hole', 'stored', 'packed'), { minLength: 1, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(
      cells,
      fc.integer({ min: 9, max: 16 }),
      fc.integer({ min: 6, max: 8 }),
      async (drawn, clusterBits, l2Bits) => {
        const size = 2 ** clusterBits;
        const shape = { clusterBits, l2Bits, virtualSize: drawn.length * size };
        const { dataOffset } = build(shape);
        const entries = new Map<number, bigint>();
        drawn.forEach((cell, i) => {
          // Backwards, so that nothing joins.
          const offset = dataOffset + (drawn.length - 1 - i) * size;
          if (cell === 'stored') entries.set(i, BigInt(offset));
          if (cell === 'packed') entries.set(i, packed(clusterBits, offset + 3, 100));
        });
        const { file } = build({ ...shape, entries, dataClusters: drawn.length });
        const disk = await qcow.open(file, 'deny');
        const scan = await scanDisk(disk);
        assert.equal(scan.storedBytes, drawn.filter((c) => c === 'stored').length * size);
        assert.equal(scan.packedUnits, drawn.filter((c) => c === 'packed').length);
        for (const piece of await piecesOf(disk)) {
          if (piece.kind !== 'stored' && piece.kind !== 'packed') continue;
          const i = piece.guestOffset / size;
          const at = piece.fileOffset;
          assert.equal(piece.kind, drawn[i]);
          assert.equal(at, dataOffset + (drawn.length - 1 - i) * size + (piece.kind === 'packed' ? 3 : 0));
        }
      },
    ),
    { numRuns: 40 },
  );
});
