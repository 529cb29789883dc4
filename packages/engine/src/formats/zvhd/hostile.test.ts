import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { putU32le, putU64le } from '../../bytes/integers.ts';
import { pack } from '../../codec/pack.ts';
import { GuestReader } from '../../disk/reader.ts';
import { at, BLOCK_BYTES, UNIT, type ZvhdName } from './header.ts';
import { makeRecord } from './record.ts';
import {
  BITMAP,
  blockOf,
  changed,
  concat,
  END,
  GiB,
  INDEX,
  inBoth,
  inLast,
  made,
  open,
  ORIGINAL,
  scanned,
  secondRecord,
} from './testing.ts';

/** What must be refused: by `open`, or by the scan where the fault lies in a table or record. */
type Case = readonly [string, ZvhdName, () => Uint8Array, { kind: string; field?: string; offset?: number }];
const header = (
  name: string,
  offset: number,
  change: (h: Uint8Array) => void,
  kind = 'disk-corrupt',
): Case[] =>
  (['zvhd', 'zvhd2'] as const).map((format) => [
    `${format}: ${name}`,
    format,
    () => inBoth(made[format], change),
    { kind, offset },
  ]);

const cases: readonly Case[] = [
  ...header('an original size that is no multiple of 512', 40, (h) =>
    putU64le(h, at.originalSize, ORIGINAL + 1),
  ),
  ...header('a current size of 0', 48, (h) => putU64le(h, at.currentSize, 0)),
  ...header('an original size larger than the current', 48, (h) => putU64le(h, at.originalSize, 2 * GiB)),
  ...header('a current size over the cap', 48, (h) => putU64le(h, at.currentSize, 2 ** 47), 'disk-too-large'),
  ...header('a size above 2^53', 48, (h) => h.fill(0xff, at.currentSize, at.currentSize + 8)),
  ...header(
    'an unknown format version',
    12,
    (h) => putU32le(h, at.formatVersion, 0x0002_0000),
    'disk-unsupported',
  ),
  ...header('an unknown disk type', 60, (h) => putU32le(h, at.diskType, 3), 'disk-unsupported'),
  ...(['zvhd', 'zvhd2'] as const).flatMap((format): Case[] => [
    [
      `${format}: a wrong cookie`,
      format,
      () => changed(made[format], (f) => void (f[1] = 0)),
      { kind: 'disk-corrupt', field: 'cookie', offset: 0 },
    ],
    [
      `${format}: a wrong checksum`,
      format,
      () => changed(made[format], (f) => void (f[300] = 1)),
      { kind: 'disk-corrupt', field: 'checksum', offset: 64 },
    ],
    [
      `${format}: a wrong checksum at the end`,
      format,
      () => changed(made[format], (f) => void (f[f.length - UNIT + 300] = 1)),
      { kind: 'disk-corrupt', field: 'checksum', offset: made[format].length - UNIT + 64 },
    ],
    [
      `${format}: headers of two disks`,
      format,
      () => inLast(made[format], (h) => putU64le(h, at.currentSize, 2 * GiB)),
      { kind: 'disk-ambiguous', field: 'current_size' },
    ],
    [
      `${format}: a file cut in its records`,
      format,
      () => made[format].subarray(0, 2 * UNIT),
      { kind: 'disk-truncated', field: 'end' },
    ],
    [
      `${format}: a file cut within its last unit`,
      format,
      () => made[format].subarray(0, made[format].length - 1),
      { kind: 'disk-truncated', field: 'end' },
    ],
    [
      `${format}: a file of one unit`,
      format,
      () => made[format].subarray(0, UNIT),
      { kind: 'disk-truncated' },
    ],
    [
      `${format}: bytes after the end mark`,
      format,
      () => concat(made[format], new Uint8Array(5000)),
      { kind: 'disk-corrupt', field: 'end', offset: made[format].length },
    ],
    [
      `${format}: a record without prefix`,
      format,
      () => changed(made[format], (f) => void (f[UNIT] = 0)),
      { kind: 'disk-corrupt', offset: UNIT },
    ],
    [
      `${format}: a record of no packed bytes`,
      format,
      () => changed(made[format], (f) => putU32le(f, UNIT + 12, 0)),
      { kind: 'disk-corrupt', field: 'size', offset: UNIT + 12 },
    ],
    [
      `${format}: a record longer than any`,
      format,
      () => changed(made[format], (f) => putU32le(f, UNIT + 12, 0x7fff_ffff)),
      { kind: 'disk-corrupt', field: 'size', offset: UNIT + 12 },
    ],
    [
      `${format}: a block number behind the disk's last`,
      format,
      () => changed(made[format], (f) => putU32le(f, UNIT + 16, 12)),
      { kind: 'disk-corrupt', offset: UNIT + 16 },
    ],
    [
      `${format}: a record without postfix`,
      format,
      () => changed(made[format], (f) => void (f[secondRecord(f) - 4] = 0)),
      { kind: 'disk-corrupt', field: 'postfix' },
    ],
    [
      `${format}: an original length that is no block`,
      format,
      () => changed(made[format], (f) => putU32le(f, UNIT + 24, 5)),
      { kind: 'disk-corrupt', field: 'original_length' },
    ],
  ]),
  [
    'zvhd: a block twice',
    'zvhd',
    () => changed(made.zvhd, (f) => putU32le(f, secondRecord(f) + 16, 1)),
    { kind: 'disk-corrupt', field: 'block_number' },
  ],
  [
    'zvhd: descending blocks',
    'zvhd',
    () => changed(made.zvhd, (f) => putU32le(f, secondRecord(f) + 16, 0)),
    { kind: 'disk-corrupt', field: 'block_number' },
  ],
  [
    'zvhd: a header copy before the last record',
    'zvhd',
    () => changed(made.zvhd, (f) => f.copyWithin(secondRecord(f), 0, UNIT)),
    { kind: 'disk-corrupt', field: 'cookie' },
  ],
  [
    'zvhd2: version 2',
    'zvhd2',
    () => inBoth(made.zvhd2, (h) => void (h[at.version] = 2)),
    { kind: 'disk-unsupported', field: 'version', offset: 87 },
  ],
  [
    'zvhd2: a block size that is no power of two',
    'zvhd2',
    () => inBoth(made.zvhd2, (h) => putU32le(h, at.blockSize, 3 * 2 ** 20)),
    { kind: 'disk-corrupt', field: 'block_size', offset: 88 },
  ],
  [
    'zvhd2: a block size of 64 MiB',
    'zvhd2',
    () => inBoth(made.zvhd2, (h) => putU32le(h, at.blockSize, 2 ** 26)),
    { kind: 'disk-corrupt', field: 'block_size', offset: 88 },
  ],
  [
    'zvhd2: a block count that the size does not make',
    'zvhd2',
    () => inBoth(made.zvhd2, (h) => putU32le(h, at.blockCount, 13)),
    { kind: 'disk-corrupt', field: 'block_count', offset: 92 },
  ],
  [
    'zvhd2: compression 2',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => void (h[at.compression] = 2)),
    { kind: 'disk-unsupported', field: 'compression' },
  ],
  [
    'zvhd2: an index of a kind that nobody knows',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => void (h[at.indexHoldsZeroBlocks] = 2)),
    { kind: 'disk-unsupported', offset: END + 140 },
  ],
  [
    'zvhd2: more stored blocks than the bitmap has',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.storedBlocks, 4)),
    { kind: 'disk-corrupt', offset: END + 136 },
  ],
  [
    'zvhd2: more stored blocks than there are',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.storedBlocks, 13)),
    { kind: 'disk-corrupt', field: 'non_zero_blocks' },
  ],
  [
    'zvhd2: an index behind the file',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU64le(h, at.indexOffset, 2 ** 40)),
    { kind: 'disk-corrupt' },
  ],
  [
    'zvhd2: an index not on a unit',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU64le(h, at.indexOffset, INDEX + 512)),
    { kind: 'disk-corrupt', field: 'index_offset' },
  ],
  [
    'zvhd2: an index in the blocks',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU64le(h, at.indexOffset, 2 * UNIT)),
    { kind: 'disk-corrupt' },
  ],
  [
    'zvhd2: a bitmap behind the file',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU64le(h, at.bitmapOffset, END)),
    { kind: 'disk-corrupt', field: 'bitmap_offset' },
  ],
  [
    'zvhd2: a bitmap in the index',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU64le(h, at.bitmapOffset, INDEX)),
    { kind: 'disk-corrupt', field: 'bitmap_offset' },
  ],
  [
    'zvhd2: two index segments for three blocks',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.indexSegments, 2)),
    { kind: 'disk-corrupt', field: 'index_segments' },
  ],
  [
    'zvhd2: an index size that is not its segments',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.indexSize, 4096)),
    { kind: 'disk-corrupt', field: 'index_size' },
  ],
  [
    'zvhd2: other segments than the format has',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.bitmapSegmentSize, 512)),
    { kind: 'disk-corrupt', field: 'bitmap_segment_size' },
  ],
  [
    'zvhd2: no bitmap segment',
    'zvhd2',
    () => inLast(made.zvhd2, (h) => putU32le(h, at.bitmapSegments, 0)),
    { kind: 'disk-truncated', field: 'end' },
  ],
  [
    'zvhd2: a bit behind the last block',
    'zvhd2',
    () => changed(made.zvhd2, (f) => void ((f[BITMAP + 2] = 1), (f[BITMAP] = 8))),
    { kind: 'disk-corrupt', field: 'bitmap' },
  ],
  [
    'zvhd2: an entry about another block',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU32le(f, INDEX + 24, 4)),
    { kind: 'disk-corrupt', field: 'index[1]', offset: INDEX + 16 },
  ],
  [
    'zvhd2: an entry not on a unit',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU64le(f, INDEX, 4608)),
    { kind: 'disk-corrupt', field: 'index[0]' },
  ],
  [
    'zvhd2: an entry behind the blocks',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU64le(f, INDEX + 32, INDEX)),
    { kind: 'disk-corrupt', field: 'index[2]' },
  ],
  [
    'zvhd2: entries out of order',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU64le(f, INDEX + 16, UNIT)),
    { kind: 'disk-corrupt', field: 'index[1]' },
  ],
  [
    'zvhd2: an entry above 2^53',
    'zvhd2',
    () => changed(made.zvhd2, (f) => f.fill(0xff, INDEX, INDEX + 8)),
    { kind: 'disk-corrupt', field: 'index[0]' },
  ],
  [
    'zvhd2: an entry of no length',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU32le(f, INDEX + 12, 0)),
    { kind: 'disk-corrupt', field: 'index[0]' },
  ],
  [
    'zvhd2: a length that is no multiple of a unit',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU32le(f, INDEX + 12, 4097)),
    { kind: 'disk-corrupt', field: 'index[0]' },
  ],
  [
    'zvhd2: a record about another block than its entry',
    'zvhd2',
    () => changed(made.zvhd2, (f) => putU32le(f, UNIT + 16, 2)),
    { kind: 'disk-corrupt', field: 'block_number' },
  ],
  [
    'zvhd2: no header copy before the index',
    'zvhd2',
    () => changed(made.zvhd2, (f) => f.fill(0, INDEX - UNIT, INDEX)),
    { kind: 'disk-corrupt', field: 'header copy' },
  ],
];

for (const [name, format, build, { kind, ...where }] of cases) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(scanned(format, build()), (error: unknown) => {
      const { kind: found, where: place } = error as { kind: string; where: Record<string, unknown> };
      assert.equal(found, kind, String(error));
      for (const [key, value] of Object.entries(where))
        assert.equal(place[key], value, `${key}: ${String(error)}`);
      return true;
    });
  });
}

for (const format of ['zvhd', 'zvhd2'] as const) {
  test(`refused when read: ${format}: a block that expands to less, or more, than a block`, async () => {
    for (const length of [BLOCK_BYTES - 1, BLOCK_BYTES + 1]) {
      const content = blockOf(1).subarray(0, length);
      const long = length > BLOCK_BYTES ? concat(content, new Uint8Array(1)) : content;
      const packed =
        format === 'zvhd2'
          ? pack('zstd', long, 1)
          : zlib.deflateSync(long, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
      const record = makeRecord(1, packed);
      assert.equal(
        record.length,
        secondRecord(made[format]) - UNIT,
        'the test needs a record of equal length',
      );
      const disk = await open(
        format,
        changed(made[format], (f) => f.set(record, UNIT)),
      );
      await assert.rejects(new GuestReader(disk).read(BLOCK_BYTES, new Uint8Array(512)), {
        kind: 'disk-corrupt',
      });
    }
  });
}
