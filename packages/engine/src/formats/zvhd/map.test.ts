import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { putU32le, u32le } from '../../bytes/integers.ts';
import { convertDisk } from '../../convert/run.ts';
import { GuestReader } from '../../disk/reader.ts';
import { scanDisk } from '../../disk/scan.ts';
import { driverFor } from '../registry.ts';
import { at, BLOCK_BYTES, makeHeader, UNIT } from './header.ts';
import { zvhd2Layout } from './layout.ts';
import { makeRecord } from './record.ts';
import {
  BITMAP,
  blockOf,
  changed,
  concat,
  END,
  extentsOf,
  GiB,
  INDEX,
  made,
  open,
  ORIGINAL,
  resum,
  stored,
  uuid,
} from './testing.ts';

for (const [name, format, bytes] of [
  ['zvhd', 'zvhd', made.zvhd],
  ['zvhd2 with zstd', 'zvhd2', made.zvhd2],
  ['zvhd2 with zlib', 'zvhd2', made.zlib],
] as const) {
  test(`${name}: shows current size, the stored blocks, and zeros elsewhere`, async () => {
    const disk = await open(format, bytes);
    assert.equal(disk.virtualSize, GiB);
    assert.equal(disk.facts.details['originalSize'], ORIGINAL);
    assert.equal(
      driverFor(format).matches({ size: bytes.length, head: bytes.subarray(0, 65_536), tail: bytes }),
      true,
    );
    const reader = new GuestReader(disk);
    const block = new Uint8Array(BLOCK_BYTES);
    // Backwards, so that ZVHD's windows are asked for out of order.
    for (let number = 12; number >= 0; number--) {
      await reader.read(number * BLOCK_BYTES, block);
      const expected = stored.includes(number) ? blockOf(number) : new Uint8Array(BLOCK_BYTES);
      if (number === 11) expected.fill(0, ORIGINAL - 11 * BLOCK_BYTES);
      assert.equal(Buffer.compare(block, expected), 0, `block ${number}`);
    }
    const scan = await scanDisk(disk);
    assert.equal(scan.trailingBytes, 0);
    assert.equal(scan.dataBytes, 2 * BLOCK_BYTES + ORIGINAL - 11 * BLOCK_BYTES);
  });

  test(`${name}: extents may start anywhere`, async () => {
    const disk = await open(format, bytes);
    for (const from of [
      0,
      512,
      BLOCK_BYTES,
      3 * BLOCK_BYTES + 512,
      4 * BLOCK_BYTES,
      ORIGINAL - 512,
      ORIGINAL,
      GiB - 512,
    ]) {
      const extents = await extentsOf(disk, from);
      let next = extents[0]!.kind === 'packed' ? extents[0]!.guestOffset : from;
      for (const extent of extents) {
        assert.equal(extent.guestOffset, next);
        next += extent.length;
      }
      assert.equal(next, GiB, `from ${from}`);
    }
  });
}

test('zvhd: many records are walked and read at random with windows kept for some', async () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i * 3);
  const header = makeHeader({ format: 'zvhd', originalSize: GiB, uuid, compression: 0 });
  const stream = zlib.createDeflate({ level: 1 });
  const parts: Uint8Array[] = [header];
  for (const number of numbers) {
    stream.write(blockOf(number));
    await new Promise<void>((done) => stream.flush(zlib.constants.Z_SYNC_FLUSH, done));
    const pieces: Buffer[] = [];
    for (let piece; (piece = stream.read() as Buffer | null);) pieces.push(piece);
    parts.push(makeRecord(number, Buffer.concat(pieces)));
  }
  const disk = await open('zvhd', concat(...parts, header));
  assert.equal((await extentsOf(disk)).filter((extent) => extent.kind === 'packed').length, 40);
  const reader = new GuestReader(disk);
  for (const i of [39, 0, 20, 19, 38, 39, 7]) {
    const some = new Uint8Array(10_000);
    await reader.read(numbers[i]! * BLOCK_BYTES + 4000, some);
    assert.equal(Buffer.compare(some, blockOf(numbers[i]!).subarray(4000, 14_000)), 0, `record ${i}`);
  }
});

test("zvhd2: the writer's first header and index are those of the platform's own tool", () => {
  // The published vector: a disk of 24 117 760 bytes, save for the time, which we write as 0.
  const hex = (from: number, to: number): string =>
    Buffer.from(made.zvhd2.subarray(from, to)).toString('hex');
  assert.equal(hex(0, 24), '7a327374726d00000200000000000100ffffffffffffffff');
  assert.equal(
    hex(24, 64),
    '00000000746170000400010000000000000270010000000000000040000000001104b40204000000',
  );
  assert.equal(hex(68, 96), '031425364758697a8b9cadbecfe0f10200000001000020000c000000');
  assert.equal(hex(96, 141), '00'.repeat(45));
  assert.equal(hex(END + 112, END + 142), '000008000010000000000800001000000100000001000000030000000001');
  assert.equal(hex(BITMAP, BITMAP + 3), '0a0800');
  assert.deepEqual(
    [0, 1, 2].map((i) => u32le(made.zvhd2, INDEX + 16 * i + 8)),
    stored,
  );
});

test('zvhd2: an empty disk has no index segment and 16 384 bytes', async () => {
  const disk = await driverFor('raw').open(new SparseMemory(GiB), 'deny');
  const file = new SparseMemory();
  const { fileSize } = await convertDisk(disk, zvhd2Layout(GiB, { seed: uuid }), file);
  assert.equal(fileSize, 16_384);
  const shown = await driverFor('zvhd2').open(file, 'deny');
  assert.deepEqual(await extentsOf(shown), [{ kind: 'hole', guestOffset: 0, length: GiB }]);
});

test('zvhd2: version 0 has no index and is walked', async () => {
  const walked = concat(
    changed(made.zvhd2.subarray(0, UNIT), (header) => {
      header[at.version] = 0;
      header[at.compression] = 1;
      resum(header, 0);
    }),
    made.zvhd2.subarray(UNIT, INDEX),
  );
  const disk = await open('zvhd2', walked);
  assert.equal(disk.facts.subformat, 'v0');
  const block = new Uint8Array(BLOCK_BYTES);
  await new GuestReader(disk).read(3 * BLOCK_BYTES, block);
  assert.equal(Buffer.compare(block, blockOf(3)), 0);
});

test('zvhd2: an old writer\'s checksum, taken before it set "hidden", is accepted', async () => {
  const old = changed(made.zvhd2, (copy) => {
    for (const offset of [0, copy.length - UNIT]) {
      putU32le(copy, offset + at.creatorVersion, 0x0001_0001);
      resum(copy, offset);
      copy[offset + at.hidden] = 1;
    }
  });
  assert.equal((await open('zvhd2', old)).virtualSize, GiB);
});
