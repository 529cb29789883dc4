import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SparseMemory } from '../access/sparse-memory.ts';
import type { Disk, Extent, FileRange } from './disk.ts';
import { extentsIn } from './extents-in.ts';
import { ExtentRuns } from './extent-runs.ts';
import { scanDisk } from './scan.ts';

const GiB = 1024 ** 3;
const file = new SparseMemory(1024 * 1024);
const codec = { kind: 'zlib' } as const;

/** A disk of which the map is a list. */
function diskOf(
  extents: readonly Extent[],
  more: Partial<Disk> = {},
  tables: readonly FileRange[] = [],
): Disk {
  const last = extents.at(-1)!;
  return {
    file,
    virtualSize: last.guestOffset + last.length,
    facts: { format: 'vhd', details: {} },
    findings: [],
    metadata: [{ name: 'header', offset: 0, length: 512 }],
    canonical: true,
    async *extents(from, onTable) {
      for (const table of tables) onTable?.(table);
      for (const extent of extents) if (extent.guestOffset + extent.length > from) yield extent;
    },
    ...more,
  };
}

const stored = (guestOffset: number, length: number, fileOffset: number): Extent => ({
  kind: 'stored',
  guestOffset,
  length,
  file,
  fileOffset,
});
const packed = (guestOffset: number, fileOffset: number, fileLength: number): Extent => ({
  kind: 'packed',
  guestOffset,
  length: 4096,
  file,
  fileOffset,
  fileLength,
  codec,
  unitSize: 4096,
});

test('scan: adds up kinds, bytes of the file and the highest byte in use', async () => {
  const scan = await scanDisk(
    diskOf([
      stored(0, 4096, 1024),
      { kind: 'hole', guestOffset: 4096, length: 4096 },
      packed(8192, 8192, 700),
      { kind: 'zero', guestOffset: 12_288, length: 512 },
    ]),
  );
  assert.deepEqual(
    { ...scan, findings: scan.findings.map((f) => `${f.check} ${f.level}`) },
    {
      dataBytes: 8192,
      storedBytes: 4096,
      packedBytes: 4096,
      zeroBytes: 512,
      holeBytes: 4096,
      packedUnits: 1,
      allocatedBytes: 4796,
      highestUsedByte: 8892,
      trailingBytes: 1024 * 1024 - 9216,
      canonical: false,
      findings: ['map passed', 'overlap passed', 'trailing-bytes noted'],
    },
  );
});

test('scan: a byte used twice is refused with both guest offsets, at the entry', async () => {
  const disk = diskOf([stored(0, 4096, 4096), stored(4096, 4096, 12_288), stored(8192, 8192, 8704)], {
    entryOf: (guestOffset) => Promise.resolve({ field: 'bat', offset: 1536 + guestOffset / 1024 }),
  });
  await assert.rejects(scanDisk(disk), {
    kind: 'disk-corrupt',
    where: { format: 'vhd', field: 'bat', offset: 1536 + 11_776 / 1024, value: 12_288 },
    message: /guest bytes 4096 and 11776 share file byte 12288/,
  });
});

test('scan: data in the header or in a table is refused by name, a table in a table too', async () => {
  await assert.rejects(scanDisk(diskOf([stored(0, 512, 256)])), {
    kind: 'disk-corrupt',
    message: /guest byte 0 lies in the header, at file byte 256/,
  });
  const table = { name: 'L2 table', offset: 1024, length: 512 };
  await assert.rejects(scanDisk(diskOf([stored(0, 512, 1024)], {}, [table])), {
    kind: 'disk-corrupt',
    message: /lies in the L2 table at byte 1024/,
  });
  await assert.rejects(scanDisk(diskOf([stored(0, 512, 4096)], {}, [table, { ...table, offset: 1100 }])), {
    kind: 'disk-corrupt',
    where: { format: 'vhd', field: 'L2 table', offset: 1100, value: 1100 },
  });
});

test('scan: packed units may share the sector that rounds up the length of the first', async () => {
  await scanDisk(diskOf([packed(0, 1024, 1024), packed(4096, 1700, 500)]));
  await assert.rejects(scanDisk(diskOf([packed(0, 1024, 1024), packed(4096, 1500, 500)])), {
    kind: 'disk-corrupt',
  });
  await assert.rejects(scanDisk(diskOf([packed(0, 1024, 100), packed(4096, 1024, 100)])), {
    kind: 'disk-corrupt',
  });
});

test('scan: a unit behind the end of the file is truncated, whichever format forgot to look', async () => {
  await assert.rejects(scanDisk(diskOf([stored(0, 4096, file.size - 512)])), {
    kind: 'disk-truncated',
    message: /needs byte 1052160, the file ends at 1048576/,
  });
});

test('scan: stops at the signal', async () => {
  const abort = new AbortController();
  const holes = Array.from({ length: 5000 }, (_, i): Extent => ({
    kind: 'hole',
    guestOffset: i * 512,
    length: 512,
  }));
  const seen: number[] = [];
  const scanning = scanDisk(diskOf(holes), {
    signal: abort.signal,
    onProgress: (done) => {
      seen.push(done);
      abort.abort(new Error('enough'));
    },
  });
  await assert.rejects(scanning, /enough/);
  assert.deepEqual(seen, [1024 * 512]);
});

test('extent runs: joined up to a GiB, cut at the start and at the end of the disk', () => {
  const runs = new ExtentRuns(file, { from: 100, unitStart: 0, to: 3 * GiB + 50 });
  const extents = [...runs.hole(2 * GiB), ...runs.hole(2 * GiB), ...runs.stored(512, 0), ...runs.flush()];
  assert.deepEqual(
    extents.map((e) => [e.kind, e.guestOffset, e.length]),
    [
      ['hole', 100, GiB],
      ['hole', 100 + GiB, GiB],
      ['hole', 100 + 2 * GiB, GiB - 50],
    ],
  );
  assert.ok(runs.done);
});

test('extents in a range: stored ones are cut on both sides, packed ones stay whole', async () => {
  const disk = diskOf([stored(0, 8192, 1024), packed(8192, 20_000, 100)]);
  const found: unknown[] = [];
  for await (const e of extentsIn(disk, 512, 9000)) {
    found.push([e.kind, e.guestOffset, e.length, 'fileOffset' in e ? e.fileOffset : undefined]);
  }
  assert.deepEqual(found, [
    ['stored', 512, 7680, 1536],
    ['packed', 8192, 4096, 20_000],
  ]);
});
