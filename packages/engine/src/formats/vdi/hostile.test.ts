import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { assertRefused } from '../testing.ts';
import { vdi } from './driver.ts';
import { buildOldVdi, buildVdi, u32, u64, type VdiShape } from './testing.ts';

const MiB = 1024 * 1024;

interface Recipe {
  readonly title: string;
  readonly shape?: VdiShape;
  /** Bytes put over the built file, by offset. */
  readonly poke?: readonly (readonly [at: number, bytes: Uint8Array])[];
  readonly expect: { kind: DiskErrorKind; field: string; offset: number; message?: RegExp };
}

const recipes: readonly Recipe[] = [
  {
    title: 'H21: an undo disk is refused',
    shape: { type: 3 },
    expect: { kind: 'disk-unsafe', field: 'image_type', offset: 76, message: /clonemedium/ },
  },
  {
    title: 'H21: a differencing disk is refused',
    shape: { type: 4 },
    expect: { kind: 'disk-unsafe', field: 'image_type', offset: 76 },
  },
  {
    title: 'H21: a link uuid is refused',
    poke: [[424 + 15, Uint8Array.of(1)]],
    expect: { kind: 'disk-unsafe', field: 'link_uuid', offset: 424 },
  },
  {
    title: 'H21: a parent uuid is refused',
    poke: [[440, Uint8Array.of(1)]],
    expect: { kind: 'disk-unsafe', field: 'parent_uuid', offset: 440 },
  },
  {
    title: 'an image type that is none is refused',
    shape: { type: 7 },
    expect: { kind: 'disk-unsupported', field: 'image_type', offset: 76 },
  },
  {
    title: 'H25: version 1.2 is refused',
    shape: { version: 0x1_0002 },
    expect: { kind: 'disk-unsupported', field: 'version', offset: 68 },
  },
  {
    title: 'H25: version 0.2 is refused',
    shape: { version: 2 },
    expect: { kind: 'disk-unsupported', field: 'version', offset: 68 },
  },
  {
    title: 'sectors of 4096 bytes are refused',
    poke: [[360, u32(4096)]],
    expect: { kind: 'disk-unsupported', field: 'sector_size', offset: 360 },
  },
  ...[0, 512, MiB + 512, 3 * MiB, 512 * MiB].map((blockSize): Recipe => ({
    title: `H2: block size ${blockSize} is refused`,
    poke: [[376, u32(blockSize)]],
    expect: { kind: 'disk-corrupt', field: 'block_size', offset: 376 },
  })),
  {
    title: 'H17: extra bytes that are no whole sectors are refused',
    shape: { blockExtra: 100 },
    expect: { kind: 'disk-corrupt', field: 'block_extra', offset: 380 },
  },
  {
    title: 'a disk without a size is refused',
    poke: [[368, u64(0)]],
    expect: { kind: 'disk-corrupt', field: 'disk_size', offset: 368 },
  },
  {
    title: 'H1: a size above 2^53 is refused',
    poke: [[368, new Uint8Array(8).fill(0xff)]],
    expect: { kind: 'disk-corrupt', field: 'disk_size', offset: 368 },
  },
  {
    title: 'H5: a size above the cap is refused',
    poke: [[368, u64(2 ** 46 + 512)]],
    expect: { kind: 'disk-too-large', field: 'disk_size', offset: 368 },
  },
  {
    title: 'a map shorter than the disk is refused',
    poke: [[384, u32(22)]],
    expect: { kind: 'disk-corrupt', field: 'blocks_in_image', offset: 384 },
  },
  {
    title: 'H4: 2^32 − 1 blocks are refused before memory is taken',
    poke: [[384, u32(0xffff_ffff)]],
    expect: { kind: 'disk-corrupt', field: 'blocks_in_image', offset: 384 },
  },
  {
    title: 'H3: a map behind the end of the file is refused',
    poke: [[340, u32(0x7fff_fe00)]],
    expect: { kind: 'disk-truncated', field: 'blocks_in_image', offset: 384 },
  },
  {
    title: 'H17: a map that is not on a sector is refused',
    poke: [[340, u32(516)]],
    expect: { kind: 'disk-corrupt', field: 'map_offset', offset: 340 },
  },
  {
    title: 'H17: data that are not on a sector are refused',
    poke: [[344, u32(1028)]],
    expect: { kind: 'disk-corrupt', field: 'data_offset', offset: 344 },
  },
  {
    title: 'H8: data that start in the block map are refused',
    shape: { diskSize: 1000 * MiB },
    poke: [[344, u32(1024)]],
    expect: { kind: 'disk-corrupt', field: 'data_offset', offset: 344 },
  },
  {
    title: 'H8: data that start in the header are refused',
    poke: [[344, u32(0)]],
    expect: { kind: 'disk-corrupt', field: 'block_map[0]', offset: 512 },
  },
  {
    title: 'H8: a map inside the header is refused',
    poke: [[340, u32(0)]],
    expect: { kind: 'disk-corrupt', field: 'block map', offset: 0 },
  },
  {
    title: 'H10: two guest blocks on one block of the file are refused',
    poke: [[512 + 12, u32(0)]],
    expect: {
      kind: 'disk-corrupt',
      field: 'block_map[3]',
      offset: 512 + 12,
      message: /guest bytes 0 and 3145728/,
    },
  },
  {
    title: 'an entry that is no block of the disk is refused',
    poke: [[512 + 8, u32(24)]],
    expect: { kind: 'disk-corrupt', field: 'block_map[2]', offset: 512 + 8 },
  },
  {
    title: 'H3: a block behind the end of the file is refused at its entry, not read as zeros',
    poke: [[512 + 8, u32(2)]],
    expect: { kind: 'disk-truncated', field: 'block_map[2]', offset: 512 + 8, message: /cut short/ },
  },
];

for (const { title, shape, poke = [], expect } of recipes) {
  test(`vdi ${title}`, async () => {
    const { file } = buildVdi(shape);
    for (const [at, bytes] of poke) file.put(at, bytes);
    await assertRefused(vdi, file, expect);
  });
}

test('vdi H4: a map above the limit is refused though the file has room for it', async () => {
  const { file } = buildVdi();
  await file.truncate(2 ** 31);
  file.put(384, u32(0x1fff_ff80)).put(344, u32(2 ** 31 - 512));
  await assertRefused(vdi, file, { kind: 'disk-too-large', field: 'blocks_in_image', offset: 384 });
});

test('vdi H16: a file cut at 60 % is refused', async () => {
  const { file, dataOffset } = buildVdi();
  await file.truncate(dataOffset + MiB + 100 * 1024);
  await assertRefused(vdi, file, { kind: 'disk-truncated', field: 'block_map[3]', offset: 512 + 12 });
});

test('vdi: a header of version 1.0 whose numbers do not agree is refused', async () => {
  const { file } = buildOldVdi();
  file.put(368, u32(2));
  await assertRefused(vdi, file, {
    kind: 'disk-unsupported',
    field: 'version',
    offset: 68,
    message: /agree/,
  });
});

test('vdi H31: files that are too short or lack its mark, down to no byte, are refused', async () => {
  for (const size of [0, 68, 511]) {
    await assertRefused(vdi, memoryFile(new Uint8Array(size)), {
      kind: 'disk-truncated',
      field: 'header',
      offset: 0,
    });
  }
  await assertRefused(vdi, memoryFile(new Uint8Array(512)), {
    kind: 'disk-corrupt',
    field: 'signature',
    offset: 64,
  });
});

test('vdi H12: a qcow2 header before the mark of a VDI is ambiguous', async () => {
  const { file } = buildVdi();
  file.put(0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3));
  await assert.rejects(openChecked(file), { kind: 'disk-ambiguous' });
});

test('vdi H26: control characters of the program line are escaped', async () => {
  const { file } = buildVdi();
  file.put(0, new TextEncoder().encode('\x1b[31mx\r\nINFO ok\0'));
  const disk = await vdi.open(file, 'deny');
  assert.equal(disk.facts.details['program'], '\\x1b[31mx\\x0d\\x0aINFO ok');
});
