import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../access/memory-file.ts';
import type { RandomAccess } from '../access/random-access.ts';
import { pack } from '../codec/pack.ts';
import type { Codec, Disk, Extent } from './disk.ts';
import { GuestReader } from './reader.ts';

const UNIT = 65_536;
const unitOf = (seed: number): Uint8Array => Uint8Array.from({ length: UNIT }, (_, i) => (i * seed) >>> 7);

/** A file that tells what was read of it. */
function watched(bytes: Uint8Array): RandomAccess & { readonly reads: [number, number][] } {
  const file = memoryFile(bytes);
  const reads: [number, number][] = [];
  return {
    size: file.size,
    reads,
    read: (offset, target) => {
      reads.push([offset, target.length]);
      return file.read(offset, target);
    },
  };
}

function diskOf(file: RandomAccess, extents: readonly Extent[]): Disk {
  const last = extents.at(-1)!;
  return {
    file,
    virtualSize: last.guestOffset + last.length,
    facts: { format: 'qcow2', unitSize: UNIT, compression: 'zlib', details: {} },
    findings: [],
    metadata: [],
    canonical: true,
    async *extents(from) {
      for (const extent of extents) if (extent.guestOffset + extent.length > from) yield extent;
    },
  };
}

/** `count` packed units, `gap` bytes between them in the file, in the guest order that `order` gives. */
function packedDisk(count: number, options: { gap?: number; order?: readonly number[]; codec?: Codec } = {}) {
  const codec = options.codec ?? { kind: 'deflate-raw' };
  const parts: Uint8Array[] = [];
  const places: { fileOffset: number; fileLength: number }[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const bytes = pack(codec.kind === 'zstd' ? 'zstd' : 'deflate-raw', unitOf(i + 1), 1).slice();
    places.push({ fileOffset: at, fileLength: bytes.length });
    parts.push(bytes, new Uint8Array(options.gap ?? 0).fill(0xee));
    at += bytes.length + (options.gap ?? 0);
  }
  const file = watched(Buffer.concat(parts));
  const order = options.order ?? places.map((_, i) => i);
  const extents = order.map((place, i): Extent => ({
    kind: 'packed',
    guestOffset: i * UNIT,
    length: UNIT,
    unitSize: UNIT,
    file,
    codec,
    ...places[place]!,
  }));
  const guest = Buffer.concat(order.map((place) => unitOf(place + 1)));
  return { file, guest, disk: diskOf(file, extents), extents };
}

async function read(disk: Disk, from = 0, length = disk.virtualSize - from): Promise<Uint8Array> {
  const target = new Uint8Array(length).fill(0xaa);
  await new GuestReader(disk).read(from, target);
  return target;
}

test('reader: neighbouring packed units come with one read', async () => {
  const { file, guest, disk } = packedDisk(10);
  assert.equal(Buffer.compare(await read(disk), guest), 0);
  assert.equal(file.reads.length, 1);
});

test('reader: units written out of order are read in file order', async () => {
  const { file, guest, disk } = packedDisk(6, { order: [3, 1, 0, 5, 4, 2] });
  assert.equal(Buffer.compare(await read(disk), guest), 0);
  assert.equal(file.reads.length, 1);
});

test('reader: what lies between units far apart is not read', async () => {
  const { file, guest, disk } = packedDisk(3, { gap: 200_000 });
  assert.equal(Buffer.compare(await read(disk), guest), 0);
  assert.equal(file.reads.length, 3);
  assert.ok(file.reads.every(([, length]) => length < UNIT));
});

test('reader: any range is right, also within and across units', async () => {
  const { guest, disk } = packedDisk(4);
  const reader = new GuestReader(disk);
  for (const [from, length] of [
    [1, 1],
    [100, UNIT],
    [UNIT - 1, 2],
    [UNIT, UNIT],
    [5, 4 * UNIT - 10],
    [4 * UNIT - 3, 3],
  ] as const) {
    const target = new Uint8Array(length);
    await reader.read(from, target);
    assert.equal(Buffer.compare(target, guest.subarray(from, from + length)), 0, `${length} from ${from}`);
  }
});

test('reader: small reads of one packed unit unpack it once', async () => {
  const { file, guest, disk } = packedDisk(2);
  const reader = new GuestReader(disk);
  for (let at = 0; at < UNIT; at += 4096) {
    const target = new Uint8Array(4096);
    await reader.read(at, target);
    assert.equal(Buffer.compare(target, guest.subarray(at, at + 4096)), 0);
  }
  assert.equal(file.reads.length, 1);
});

test('reader: stored runs are read in place, zeros and holes clear what was in the target', async () => {
  const file = watched(unitOf(9));
  const disk = diskOf(file, [
    { kind: 'hole', guestOffset: 0, length: 1000 },
    { kind: 'stored', guestOffset: 1000, length: 5000, file, fileOffset: 100 },
    { kind: 'zero', guestOffset: 6000, length: 2192 },
  ]);
  const expected = new Uint8Array(8192);
  expected.set(unitOf(9).subarray(100, 5100), 1000);
  assert.deepEqual(await read(disk), expected);
  assert.deepEqual(await read(disk, 2000, 100), expected.slice(2000, 2100));
  assert.deepEqual(file.reads, [
    [100, 5000],
    [1100, 100],
  ]);
});

test("reader: the last unit is cut at the disk's end", async () => {
  const { guest, extents, file } = packedDisk(2);
  const cut = extents.map((extent, i) => (i === 1 ? { ...extent, length: 512 } : extent));
  assert.equal(Buffer.compare(await read(diskOf(file, cut)), guest.subarray(0, UNIT + 512)), 0);
});

test('reader: a unit whose last sector is cut off counts if its data are there, else it is truncated', async () => {
  const { file, guest, extents } = packedDisk(1);
  const [unit] = extents as [Extract<Extent, { kind: 'packed' }>];
  const long = diskOf(file, [{ ...unit, fileLength: unit.fileLength + 511 }]);
  assert.equal(Buffer.compare(await read(long), guest), 0);
  const short = memoryFile(unitOf(1).subarray(0, 0));
  const bytes = new Uint8Array(unit.fileLength - 40);
  await file.read(0, bytes);
  const cut = diskOf(memoryFile(bytes), [{ ...unit, file: memoryFile(bytes) }]);
  await assert.rejects(read(cut), { kind: 'disk-truncated', where: { format: 'qcow2', offset: 0 } });
  await assert.rejects(read(diskOf(short, [{ ...unit, file: short }])), { kind: 'disk-truncated' });
});

test('reader: a unit that claims more input than any encoder makes is refused before memory is taken', async () => {
  const { file, extents } = packedDisk(1);
  const huge = diskOf(file, [
    { ...(extents[0] as Extract<Extent, { kind: 'packed' }>), fileLength: 2 ** 40 },
  ]);
  await assert.rejects(read(huge), { kind: 'disk-corrupt' });
  assert.deepEqual(file.reads, []);
});

test('reader: a broken unit names its place, and no other is shown for it afterwards', async () => {
  const { file, guest, extents } = packedDisk(2);
  const all = new Uint8Array(file.size);
  await file.read(0, all);
  const second = extents[1] as Extract<Extent, { kind: 'packed' }>;
  all.fill(0xff, second.fileOffset, second.fileOffset + 200);
  const broken = memoryFile(all);
  const disk = diskOf(
    broken,
    extents.map((extent) => ({ ...extent, file: broken }) as Extent),
  );
  const reader = new GuestReader(disk);
  const target = new Uint8Array(512);
  await reader.read(0, target);
  const wanted = { kind: 'disk-corrupt', where: { format: 'qcow2', offset: second.fileOffset } };
  await assert.rejects(reader.read(UNIT, target), wanted);
  await assert.rejects(reader.read(UNIT, target), wanted);
  await reader.read(0, target);
  assert.equal(Buffer.compare(target, guest.subarray(0, 512)), 0);
});

test('reader: a range behind the disk is refused', async () => {
  const { disk } = packedDisk(1);
  await assert.rejects(read(disk, UNIT - 1, 2), { kind: 'disk-truncated' });
});
