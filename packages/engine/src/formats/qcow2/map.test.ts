import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { scanDisk } from '../../disk/scan.ts';
import { piecesOf, type Piece } from '../testing.ts';
import { qcow2 } from './driver.ts';
import { buildQcow2, packedEntry, storedEntry, u32, u64 } from './testing.ts';

const GiB = 1024 ** 3;

test('qcow2: neighbours in the disk and in the file become one extent, others do not', async () => {
  const { file } = buildQcow2({
    dataClusters: 4,
    virtualSize: 6 * 65_536 + 512,
    entries: new Map([
      [0, storedEntry(0x50000)],
      [1, storedEntry(0x60000)],
      [2, storedEntry(0x80000)], // a neighbour in the disk only
      [4, [0, 1]], // zero
    ]),
  });
  const disk = await qcow2.open(file, 'deny');
  assert.deepEqual(await piecesOf(disk), [
    { kind: 'stored', guestOffset: 0, length: 0x20000, fileOffset: 0x50000 },
    { kind: 'stored', guestOffset: 0x20000, length: 0x10000, fileOffset: 0x80000 },
    { kind: 'hole', guestOffset: 0x30000, length: 0x10000 },
    { kind: 'zero', guestOffset: 0x40000, length: 0x10000 },
    { kind: 'hole', guestOffset: 0x50000, length: 0x10200 },
  ]);
});

test('qcow2: the last cluster may be cut by the end of the file; the rest is zero', async () => {
  const { file } = buildQcow2({
    dataClusters: 1,
    virtualSize: 65_536,
    entries: new Map([[0, storedEntry(0x50000)]]),
  });
  await file.truncate(0x50000 + 1000);
  assert.deepEqual(await piecesOf(await qcow2.open(file, 'deny')), [
    { kind: 'stored', guestOffset: 0, length: 1000, fileOffset: 0x50000 },
    { kind: 'zero', guestOffset: 1000, length: 65_536 - 1000 },
  ]);
});

test('qcow2: a compressed cluster is one extent from its start, its length clipped at the file end', async () => {
  const { file } = buildQcow2({
    dataClusters: 1,
    virtualSize: 2 * 65_536,
    entries: new Map([[1, packedEntry(16, 0x5f000, 4000)]]),
  });
  await file.truncate(0x5f000 + 4000);
  const disk = await qcow2.open(file, 'deny');
  const packed = {
    kind: 'packed',
    guestOffset: 65_536,
    length: 65_536,
    unitSize: 65_536,
    fileOffset: 0x5f000,
    fileLength: 4000,
    codec: { kind: 'deflate-raw' },
  };
  assert.deepEqual((await piecesOf(disk))[1], packed);
  assert.deepEqual(await piecesOf(disk, 65_536 + 100), [packed]);
});

test('qcow2: extended L2 gives subclusters of three kinds', async () => {
  // Subclusters of 2 KiB: 0 and 1 stored, 2 zero, 31 stored; the others absent.
  const { file } = buildQcow2({
    extendedL2: true,
    virtualSize: 65_536,
    dataClusters: 1,
    entries: new Map([[0, [...storedEntry(0x50000), 0b100, 0x8000_0003]]]),
  });
  assert.deepEqual(await piecesOf(await qcow2.open(file, 'deny')), [
    { kind: 'stored', guestOffset: 0, length: 4096, fileOffset: 0x50000 },
    { kind: 'zero', guestOffset: 4096, length: 2048 },
    { kind: 'hole', guestOffset: 6144, length: 65_536 - 2048 - 6144 },
    { kind: 'stored', guestOffset: 65_536 - 2048, length: 2048, fileOffset: 0x50000 + 65_536 - 2048 },
  ]);
});

test('qcow2: a dirty file is read with a note and is not canonical', async () => {
  const { file } = buildQcow2();
  file.put(79, Uint8Array.of(1));
  const disk = await qcow2.open(file, 'deny');
  assert.equal(disk.canonical, false);
  assert.ok(disk.findings.some((f) => f.check === 'dirty-mark' && f.level === 'noted' && f.offset === 79));
});

test('qcow2: snapshots are listed, escaped, and left behind', async () => {
  const { file } = buildQcow2({ dataClusters: 1 });
  const name = new TextEncoder().encode('a\r\nb');
  file.put(60, u32(1)).put(64, u64(0x50000));
  file
    .put(0x50000 + 14, Uint8Array.of(0, name.length))
    .put(0x50000 + 36, u32(16))
    .put(0x50000 + 56, name);
  const disk = await qcow2.open(file, 'deny');
  assert.equal(disk.canonical, false);
  assert.equal(disk.facts.details['snapshotNames'], '"a\\x0d\\x0ab"');
  assert.ok(disk.findings.some((f) => f.check === 'snapshots' && f.level === 'noted'));
});

test('qcow2: a stale data file name is noted and never followed', async () => {
  const { file } = buildQcow2();
  file.put(112, Uint8Array.of(0x44, 0x41, 0x54, 0x41, 0, 0, 0, 4)).put(120, new TextEncoder().encode('/etc'));
  const disk = await qcow2.open(file, 'deny');
  const finding = disk.findings.find((f) => f.check === 'data-file');
  assert.equal(finding?.level, 'noted');
  assert.match(finding?.message ?? '', /\/etc/);
});

test('qcow2: bytes behind the last structure are counted, and the file is not canonical', async () => {
  const { file } = buildQcow2();
  const end = file.size;
  file.put(end, new Uint8Array(4096).fill(7));
  const scan = await scanDisk(await qcow2.open(file, 'deny'));
  assert.equal(scan.trailingBytes, 4096);
  assert.equal(scan.canonical, false);
  assert.equal(scan.findings.find((f) => f.check === 'trailing-bytes')?.offset, end);
});

test('qcow2: 8 TiB without data are walked from the L1 table alone', async () => {
  const virtualSize = 8192 * GiB;
  const { file, l1Offset } = buildQcow2({ virtualSize });
  file.put(l1Offset, new Uint8Array((virtualSize / (65_536 * 8192)) * 8)); // no L2 table is named
  let reads = 0;
  const counted = {
    size: file.size,
    read: (offset: number, target: Uint8Array) => {
      reads++;
      return file.read(offset, target);
    },
  };
  const scan = await scanDisk(await qcow2.open(counted, 'deny'));
  assert.equal(scan.holeBytes, virtualSize);
  assert.ok(reads < 12, `${reads} reads`);
});

/** What a guest cluster of the random disk is. */
type Cell = { kind: 'hole' | 'zero' } | { kind: 'stored' | 'packed'; place: number };

const cells = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('hole' as const, 'zero' as const) }),
    fc.record({ kind: fc.constantFrom('stored' as const, 'packed' as const), place: fc.nat(1_000_000) }),
  ),
  { minLength: 1, maxLength: 150 },
);

test('qcow2: the map gives back what random tables say, from any guest offset', async () => {
  await fc.assert(
    fc.asyncProperty(
      cells,
      fc.constantFrom(9, 12, 16),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      async (drawn, clusterBits, where) => {
        const clusterSize = 2 ** clusterBits;
        const virtualSize = drawn.length * clusterSize - 512 * Math.floor((clusterSize / 512) * 0.4);
        const dataOffset = buildQcow2({ clusterBits, virtualSize }).dataOffset;
        const { entries, expected } = plan(drawn, { clusterBits, dataOffset, virtualSize });
        const { file } = buildQcow2({ clusterBits, virtualSize, entries, dataClusters: drawn.length });
        const disk = await qcow2.open(file, 'deny');
        await scanDisk(disk); // nothing random is used twice
        const from = Math.floor((where * virtualSize) / 512) * 512;
        const cut = (await piecesOf(disk, from)).flatMap((piece) => byCluster(piece, clusterSize));
        assert.deepEqual(
          cut,
          expected.flatMap((piece) => behind(piece, from)),
        );
      },
    ),
    { numRuns: 60 },
  );
});

/** Places the stored and packed clusters in random order, each in a cluster of its own. */
function plan(
  drawn: readonly Cell[],
  { clusterBits, dataOffset, virtualSize }: { clusterBits: number; dataOffset: number; virtualSize: number },
): { entries: Map<number, readonly number[]>; expected: Piece[] } {
  const clusterSize = 2 ** clusterBits;
  const order = drawn
    .map((cell, guest) => ({ guest, place: 'place' in cell ? cell.place : -1 }))
    .filter((c) => c.place >= 0)
    .sort((a, b) => a.place - b.place || a.guest - b.guest);
  const places = new Map(order.map(({ guest }, i) => [guest, dataOffset + i * clusterSize]));
  const entries = new Map<number, readonly number[]>();
  const expected = drawn.map((cell, guest): Piece => {
    const guestOffset = guest * clusterSize;
    const length = Math.min(clusterSize, virtualSize - guestOffset);
    const fileOffset = places.get(guest) ?? 0;
    if (cell.kind === 'hole') return { kind: 'hole', guestOffset, length };
    if (cell.kind === 'zero') {
      entries.set(guest, [0, 1]);
      return { kind: 'zero', guestOffset, length };
    }
    if (cell.kind === 'stored') {
      entries.set(guest, storedEntry(fileOffset));
      return { kind: 'stored', guestOffset, length, fileOffset };
    }
    entries.set(guest, packedEntry(clusterBits, fileOffset, 300));
    const codec = { kind: 'deflate-raw' };
    return {
      kind: 'packed',
      guestOffset,
      length,
      unitSize: clusterSize,
      fileOffset,
      fileLength: 512,
      codec,
    } as Piece;
  });
  return { entries, expected };
}

/** A joined extent, cluster by cluster. */
function byCluster(piece: Piece, clusterSize: number): Piece[] {
  if (piece.kind === 'packed') return [piece];
  const cut: Piece[] = [];
  for (let at = piece.guestOffset; at < piece.guestOffset + piece.length;) {
    const end = Math.min(piece.guestOffset + piece.length, (Math.floor(at / clusterSize) + 1) * clusterSize);
    const moved = 'fileOffset' in piece ? { fileOffset: piece.fileOffset + at - piece.guestOffset } : {};
    cut.push({ ...piece, ...moved, guestOffset: at, length: end - at });
    at = end;
  }
  return cut;
}

/** The part of a piece from `from` on; packed ones stay whole. */
function behind(piece: Piece, from: number): Piece[] {
  const end = piece.guestOffset + piece.length;
  if (end <= from) return [];
  if (piece.guestOffset >= from || piece.kind === 'packed') return [piece];
  const moved = 'fileOffset' in piece ? { fileOffset: piece.fileOffset + from - piece.guestOffset } : {};
  return [{ ...piece, ...moved, guestOffset: from, length: end - from }];
}
