import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../access/memory-file.ts';
import type { RandomAccess } from '../access/random-access.ts';
import { SparseMemory } from '../access/sparse-memory.ts';
import type { Sink } from '../access/sink.ts';
import type { Disk, FormatName } from '../disk/disk.ts';
import { GuestReader } from '../disk/reader.ts';
import { driverFor } from '../formats/registry.ts';
import type { ConversionMark } from './frontier.ts';
import type { LayoutOptions } from './layout.ts';
import { convertDisk, type ConvertOptions } from './run.ts';

const MiB = 1024 * 1024;
const KiB = 1024;
const seed = new Uint8Array(16).fill(7);

/** Text, noise, single sectors, written zeros and holes, so that every branch of the mover is met. */
function makeGuest(size: number): SparseMemory {
  const guest = new SparseMemory(size);
  let state = 1;
  const noise = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24);
  const text = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 97 + ((i * 7) % 23));
  guest.put(0, noise(512));
  guest.put(3 * MiB - 5000, noise(200_192)); // across borders of clusters, blocks and groups
  guest.put(5 * MiB, new Uint8Array(2 * MiB)); // stored zeros
  guest.put(5 * MiB + 70 * KiB, noise(10));
  guest.put(9 * MiB, text(3 * MiB));
  guest.put(size - 1536, noise(1536));
  return guest;
}
const SIZE = 24_117_760;
const guest = makeGuest(SIZE);

const openRaw = (file: RandomAccess): Promise<Disk> => driverFor('raw').open(file, 'deny');
const layoutFor = (format: FormatName, disk: Disk, more: Partial<LayoutOptions> = {}) =>
  driverFor(format).layout!(disk.virtualSize, { seed, ...more });

async function bytesOf(file: SparseMemory): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  return bytes;
}

const targets: [string, FormatName, Partial<LayoutOptions>][] = [
  ['raw', 'raw', {}],
  ['qcow2', 'qcow2', {}],
  ['qcow2 with clusters of 4 KiB', 'qcow2', { unitSize: 4 * KiB }],
  ['dynamic vhd', 'vhd', {}],
  ['fixed vhd', 'vhd', { subformat: 'fixed' }],
  ['zvhd2', 'zvhd2', {}],
  ['zvhd2 with zlib', 'zvhd2', { compression: 'zlib' }],
];

async function convertTo(
  format: FormatName,
  more: Partial<LayoutOptions>,
  options: ConvertOptions = {},
  sink: SparseMemory = new SparseMemory(),
): Promise<SparseMemory> {
  const disk = await openRaw(guest);
  await convertDisk(disk, layoutFor(format, disk, more), sink, options);
  return sink;
}

for (const [name, format, more] of targets) {
  test(`convert: ${name} shows the source's bytes, and zeros behind them`, async () => {
    const file = await convertTo(format, more);
    const disk = await driverFor(format).open(file, 'deny');
    const shown = new Uint8Array(Math.min(disk.virtualSize, SIZE + MiB));
    await new GuestReader(disk).read(0, shown);
    const expected = new Uint8Array(shown.length);
    await guest.read(0, expected.subarray(0, SIZE));
    assert.equal(Buffer.compare(shown, expected), 0);
    for await (const extent of disk.extents(Math.ceil(SIZE / (2 * MiB)) * 2 * MiB)) {
      assert.equal(extent.kind, 'hole');
    }
  });

  test(`convert: ${name} has the same bytes with 1, 2 and 4 lanes`, async () => {
    const one = await bytesOf(await convertTo(format, more));
    for (const lanes of [2, 4]) {
      const several = await bytesOf(await convertTo(format, more, { lanes }, new Shuffled()));
      assert.equal(Buffer.compare(several, one), 0, `${lanes} lanes`);
    }
  });

  test(`convert: ${name} resumed from any mark gives the same bytes`, async () => {
    const whole = await bytesOf(await convertTo(format, more));
    const marks: ConversionMark[] = [];
    const states: SparseMemory[] = [];
    const sink = new SparseMemory();
    await convertTo(
      format,
      more,
      {
        markBytes: 1,
        lanes: 2,
        onMark: async (mark) => {
          marks.push(mark);
          states.push(await cutAt(sink, mark.fileEnd));
        },
      },
      sink,
    );
    assert.ok(marks.length >= 3, `${marks.length} marks`);
    for (const [i, mark] of marks.entries()) {
      const placed = marks.slice(0, i + 1).flatMap((earlier) => earlier.placed);
      // What lies behind a mark may be lost in a crash.
      const resumed = await convertTo(format, more, { resume: { ...mark, placed } }, states[i]!);
      assert.equal(Buffer.compare(await bytesOf(resumed), whole), 0, `mark ${i}`);
    }
  });
}

/** A copy of a file as a crash may leave it: only bytes [0, end). */
async function cutAt(file: SparseMemory, end: number): Promise<SparseMemory> {
  const bytes = new Uint8Array(Math.min(end, file.size));
  await file.read(0, bytes);
  return new SparseMemory().put(0, bytes);
}

/** A sink whose writes end in another order than they began. */
class Shuffled extends SparseMemory {
  #writes = 0;
  override async write(offset: number, bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    const turns = (this.#writes++ * 7) % 5;
    for (let i = 0; i < turns; i++) await new Promise((next) => setImmediate(next));
    await super.write(offset, copy);
  }
}

test('convert: progress counts data bytes, up to the number told from metadata, and never falls', async () => {
  const told: number[] = [];
  await convertTo('raw', {}, { lanes: 3, onProgress: (done) => void told.push(done) }, new Shuffled());
  assert.deepEqual(
    told,
    [...told].sort((a, b) => a - b),
  );
  const disk = await openRaw(guest);
  let data = 0;
  for await (const extent of disk.extents(0)) if (extent.kind === 'stored') data += extent.length;
  assert.equal(told.at(-1), data);
});

test('convert: data that is not there is not read', async () => {
  let bytes = 0;
  const counting: RandomAccess = {
    size: SIZE,
    read: async (offset, target) => {
      bytes += target.length;
      await guest.read(offset, target);
    },
    nextData: (offset) => guest.nextData(offset),
  };
  await convertDisk(await openRaw(counting), layoutFor('raw', await openRaw(guest)), new SparseMemory());
  assert.ok(bytes < 7 * MiB, `${bytes} bytes of ${SIZE} were read`);
});

test('convert: an aborted conversion ends with the reason, and no lane goes on', async () => {
  const controller = new AbortController();
  const sink = new Shuffled();
  const reason = new Error('enough');
  const converting = convertTo(
    'qcow2',
    {},
    {
      lanes: 4,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    },
    sink,
  );
  await assert.rejects(converting, reason);
  const { size } = sink;
  await new Promise((next) => setTimeout(next, 20));
  assert.equal(sink.size, size);
});

test('convert: a lane that fails stops those that wait for its place', async () => {
  const disk = await openRaw(guest);
  const failing: Sink = {
    write: (offset) => (offset > 64 * KiB ? Promise.reject(new Error('disk full')) : Promise.resolve()),
    truncate: async () => {},
    sync: async () => {},
    close: async () => {},
  };
  await assert.rejects(convertDisk(disk, layoutFor('qcow2', disk), failing, { lanes: 4 }), /disk full/);
});

test('convert: a mark that can not be kept ends the conversion', async () => {
  const options = { markBytes: 1, lanes: 2, onMark: () => Promise.reject(new Error('lease lost')) };
  await assert.rejects(convertTo('zvhd2', {}, options), /lease lost/);
});

test('convert: a source whose reads fail gives its error, not a hang', async () => {
  const bytes = new Uint8Array(8 * MiB).fill(1);
  const broken: RandomAccess = {
    ...memoryFile(bytes),
    read: (offset, target) =>
      offset >= 4 * MiB ? Promise.reject(new Error('bad sector')) : memoryFile(bytes).read(offset, target),
  };
  const disk = await openRaw(broken);
  await assert.rejects(
    convertDisk(disk, layoutFor('zvhd2', disk), new SparseMemory(), { lanes: 3 }),
    /bad sector/,
  );
});
