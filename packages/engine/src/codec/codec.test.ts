import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { DiskError } from '../errors.ts';
import { keptDecoder, type KeptKind } from './kept-handle.ts';
import { keptZstdEncoder, publicZstd } from './kept-encoder.ts';
import { pack as packReused } from './pack.ts';
import { publicInflate, unpack, type PackedUnit } from './unpack.ts';
import { zstdFrameAt } from './zstd-frame.ts';

const UNIT = 65_536;
/** `pack`, with a result that stays. */
const pack: typeof packReused = (...args) => packReused(...args).slice();
/** Half text, half a sequence that packs badly, so that both output paths of the decoders are met. */
const plain = Uint8Array.from({ length: UNIT }, (_, i) =>
  i < UNIT / 2 ? 97 + (i % 13) : Math.imul(i, 2_654_435_761) >>> 24,
);
const where = { format: 'qcow2', offset: 4096 };
const unit = (more: Partial<PackedUnit> & Pick<PackedUnit, 'kind' | 'packed'>): PackedUnit => ({
  target: new Uint8Array(UNIT),
  where,
  ...more,
});
const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);
const corrupt = (message: RegExp) => (error: unknown) =>
  error instanceof DiskError &&
  error.kind === 'disk-corrupt' &&
  error.where.offset === 4096 &&
  message.test(error.message);

const packedAs = {
  'deflate-raw': () => pack('deflate-raw', plain, 6),
  zlib: () => pack('zlib', plain, 1),
  'zlib-sync': () => pack('zlib-sync', plain, 1),
  zstd: () => pack('zstd', plain, 1),
} as const;
const kinds = Object.keys(packedAs) as (keyof typeof packedAs)[];
const rubbish = [
  ['zeros', new Uint8Array(511)],
  ['noise', plain.subarray(UNIT - 511)],
  ['the next unit', packedAs.zstd()],
] as const;

for (const kind of kinds) {
  test(`${kind}: a packed unit comes back`, () => {
    const one = unit({ kind, packed: packedAs[kind]() });
    assert.equal(unpack(one), UNIT);
    assert.deepEqual(one.target, plain);
  });

  test(`${kind}: a unit that expands further than its room is refused`, () => {
    const one = unit({ kind, packed: packedAs[kind](), target: new Uint8Array(UNIT - 1) });
    assert.throws(() => unpack(one), corrupt(/more than 65535|declares 65536/));
  });

  test(`${kind}: a unit that expands to less than its room is refused, unless that is allowed`, () => {
    const packed = pack(kind, plain.subarray(0, 1000), 1);
    assert.throws(() => unpack(unit({ kind, packed })), corrupt(/1000 bytes instead of 65536/));
    assert.equal(unpack(unit({ kind, packed, atLeast: 512 })), 1000);
  });

  test(`${kind}: a stream cut in the middle is refused`, () => {
    const packed = packedAs[kind]();
    assert.throws(() => unpack(unit({ kind, packed: packed.subarray(0, packed.length >> 1) })), corrupt(/./));
    assert.throws(() => unpack(unit({ kind, packed: packed.subarray(0, 0) })), corrupt(/./));
  });

  test(`${kind}: broken data is refused, and the decoder works afterwards`, () => {
    const packed = Uint8Array.from(packedAs[kind]());
    packed.fill(0xff, 8, 64);
    assert.throws(() => unpack(unit({ kind, packed })), corrupt(/./));
    assert.equal(unpack(unit({ kind, packed: packedAs[kind]() })), UNIT);
  });
}

for (const kind of ['deflate-raw', 'zlib', 'zstd'] as const) {
  for (const [name, tail] of rubbish) {
    test(`${kind}: ${name} behind the stream's end is not looked at`, () => {
      const one = unit({ kind, packed: join(packedAs[kind](), tail) });
      assert.equal(unpack(one), UNIT);
      assert.deepEqual(one.target, plain);
    });
  }
}

test('deflate-raw: a stream without its end mark is taken once the unit is full', () => {
  const packed = zlib.deflateRawSync(plain, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  assert.equal(unpack(unit({ kind: 'deflate-raw', packed })), UNIT);
});

test('deflate-raw: a bomb of 64 MiB writes no byte behind the unit', () => {
  const packed = zlib.deflateRawSync(new Uint8Array(64 << 20));
  const room = new Uint8Array(UNIT + 8).fill(7);
  const one = unit({ kind: 'deflate-raw', packed, target: room.subarray(0, UNIT) });
  assert.throws(() => unpack(one), corrupt(/more than 65536/));
  assert.deepEqual(room.subarray(UNIT), new Uint8Array(8).fill(7));
});

test('zstd: a bomb with a declared size is refused from its header', () => {
  const packed = zlib.zstdCompressSync(new Uint8Array(64 << 20));
  assert.throws(() => unpack(unit({ kind: 'zstd', packed })), corrupt(/declares 67108864 bytes/));
});

test('zstd: a frame that declares no size is bounded by the unit', async () => {
  const stream = await undeclared(plain);
  assert.equal(zstdFrameAt(stream, 0)?.declaredSize, undefined);
  assert.equal(unpack(unit({ kind: 'zstd', packed: stream, target: new Uint8Array(UNIT) })), UNIT);
  assert.throws(() => unpack(unit({ kind: 'zstd', packed: stream, declared: true })), corrupt(/declares no/));
  const small = unit({ kind: 'zstd', packed: stream, target: new Uint8Array(UNIT - 4096) });
  assert.throws(() => unpack(small), corrupt(/window|more than/));
});

test('zstd: a window larger than the unit is refused', async () => {
  const stream = await undeclared(plain, 21);
  assert.throws(() => unpack(unit({ kind: 'zstd', packed: stream })), corrupt(/window of 2097152/));
});

test('zstd: a unit made of several frames and a skippable one comes back', () => {
  const half = UNIT / 2;
  const skippable = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const one = unit({
    kind: 'zstd',
    packed: join(
      pack('zstd', plain.subarray(0, half), 1),
      skippable,
      pack('zstd', plain.subarray(half), 3),
      new Uint8Array(300),
    ),
  });
  assert.equal(unpack(one), UNIT);
  assert.deepEqual(one.target, plain);
});

test('zstd: the frame walker finds the end of stored, repeated and compressed blocks with a checksum', () => {
  const checksum = { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } };
  for (const bytes of [plain, new Uint8Array(UNIT), plain.subarray(0, 5), new Uint8Array(3 * UNIT)]) {
    const frame = zlib.zstdCompressSync(bytes, checksum);
    const found = zstdFrameAt(join(new Uint8Array(7), frame, plain), 7);
    assert.deepEqual([found?.length, found?.declaredSize], [frame.length, bytes.length]);
  }
});

test('zvhd-stream: records of one stream unpack with the window of the record before', async () => {
  const pieces = [plain, plain.toReversed()];
  const records = await flushed(zlib.createDeflate({ level: 6 }), pieces, zlib.constants.Z_SYNC_FLUSH);
  const first = unit({ kind: 'zvhd-stream', packed: records[0]! });
  assert.equal(unpack(first), UNIT);
  const second = unit({ kind: 'zvhd-stream', packed: records[1]!, window: plain.subarray(UNIT / 2) });
  assert.equal(unpack(second), UNIT);
  assert.deepEqual(second.target, plain.toReversed());
  // Without its window a later record is no stream.
  assert.throws(() => unpack(unit({ kind: 'zvhd-stream', packed: records[1]! })), corrupt(/does not start/));
  // A record that starts a stream of its own is taken as one.
  const own = unit({ kind: 'zvhd-stream', packed: records[0]!, window: plain.subarray(UNIT / 2) });
  assert.equal(unpack(own), UNIT);
  assert.deepEqual(own.target, plain);
});

for (const kind of ['deflate-raw', 'zlib', 'zstd'] as const satisfies KeptKind[]) {
  test(`${kind}: the kept decoder works on this Node and agrees with the public call`, () => {
    const kept = keptDecoder(kind);
    assert.ok(kept, 'its self-test failed: Node changed inside, the slower public form is in use');
    const packed = packedAs[kind]();
    const target = new Uint8Array(UNIT);
    assert.deepEqual(kept.run(packed, target), { written: UNIT, more: false });
    const again = unit({ kind, packed });
    assert.equal(publicInflate(again, kind, packed, again.target), UNIT);
    assert.deepEqual(target, again.target);
    assert.throws(
      () => publicInflate(again, kind, packed, new Uint8Array(UNIT - 1)),
      (error: unknown) => error instanceof DiskError,
    );
  });
}

test("zstd: the kept encoder works on this Node and gives the public call's bytes, unit after unit", () => {
  for (const level of [1, 3, 9]) {
    const kept = keptZstdEncoder(level);
    assert.ok(kept, 'its self-test failed: Node changed inside, the slower public form is in use');
    for (const bytes of [plain, new Uint8Array(2 << 20), plain.toReversed(), plain.subarray(0, 1), plain]) {
      assert.equal(Buffer.compare(kept.run(bytes), publicZstd(bytes, level)), 0, `level ${level}`);
    }
  }
});

/** Pieces written to a compressing stream, one flush after each; what came out for each piece. */
async function flushed(
  stream: zlib.Deflate | zlib.ZstdCompress,
  pieces: readonly Uint8Array[],
  flush: number,
): Promise<Buffer[]> {
  const out: Buffer[] = [];
  for (const piece of pieces) {
    stream.write(piece);
    await new Promise<void>((done) => stream.flush(flush, done));
    out.push((stream.read() as Buffer | null) ?? Buffer.alloc(0));
  }
  return out;
}

/** One frame of `bytes` written in two steps, so that its size is not declared. */
async function undeclared(bytes: Uint8Array, windowLog = 16): Promise<Buffer> {
  const { constants } = zlib;
  const stream = zlib.createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  const out = await flushed(stream, [bytes.subarray(0, 1000), bytes.subarray(1000)], constants.ZSTD_e_flush);
  stream.end();
  for await (const rest of stream) out.push(rest as Buffer);
  return Buffer.concat(out);
}
