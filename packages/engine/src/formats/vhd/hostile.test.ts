import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { encodeUtf16 } from '../../bytes/utf16.ts';
import { putU32be, putU64be } from '../../bytes/integers.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { assertRefused } from '../testing.ts';
import { vhd } from './driver.ts';
import {
  buildDynamic,
  buildFixed,
  changeAt,
  changeFooters,
  changeHeader,
  footerBytes,
  u32,
  type BuiltVhd,
  type VhdShape,
} from './testing.ts';

interface Recipe {
  readonly title: string;
  readonly shape?: VhdShape;
  readonly change: (built: BuiltVhd) => Promise<unknown> | unknown;
  readonly expect: {
    readonly kind: DiskErrorKind;
    readonly field: string;
    /** From the start, or from the footer at the end. */
    readonly offset: number | ((built: BuiltVhd) => number);
    readonly message?: RegExp;
  };
}

const recipes: readonly Recipe[] = [
  {
    title: 'H21: a differencing disk is refused, its parent named but not opened',
    change: async (built) => {
      await changeFooters(built, (footer) => putU32be(footer, 60, 4));
      await changeHeader(built, (header) => header.set(encodeUtf16('\\\\host\\share\\p.vhd', 'be'), 64));
    },
    expect: { kind: 'disk-unsafe', field: 'disk_type', offset: 60, message: /share.*Merge-VHD/ },
  },
  ...[0, 1, 5, 6].map((type): Recipe => ({
    title: `disk type ${type} is refused`,
    change: (built) => changeFooters(built, (footer) => putU32be(footer, 60, type)),
    expect: { kind: 'disk-unsupported', field: 'disk_type', offset: 60 },
  })),
  {
    title: 'H25: footer version 2 is refused',
    change: (built) => changeFooters(built, (footer) => putU32be(footer, 12, 0x2_0000)),
    expect: { kind: 'disk-unsupported', field: 'version', offset: 12 },
  },
  {
    title: 'two footers with wrong checksums are refused',
    change: ({ file, footerAt }) => file.put(67, Uint8Array.of(1)).put(footerAt + 67, Uint8Array.of(1)),
    expect: { kind: 'disk-corrupt', field: 'checksum', offset: 64 },
  },
  {
    title: 'H29: footers of different sizes are ambiguous',
    change: ({ file, footerAt }) => file.put(footerAt, footerBytes({ currentSize: 24_117_248 })),
    expect: { kind: 'disk-ambiguous', field: 'current_size', offset: (b) => b.footerAt + 48 },
  },
  {
    title: 'H29: footers of different types are ambiguous',
    change: ({ file, footerAt }) => file.put(footerAt, footerBytes({ type: 2 })),
    expect: { kind: 'disk-ambiguous', field: 'disk_type', offset: (b) => b.footerAt + 60 },
  },
  {
    title: 'H29: footers that name different headers are ambiguous',
    change: ({ file, footerAt }) =>
      changeAt(file, { at: footerAt, length: 512, sumAt: 64 }, (footer) => putU64be(footer, 16, 1024)),
    expect: { kind: 'disk-ambiguous', field: 'data_offset', offset: (b) => b.footerAt + 16 },
  },
  {
    title: 'a dynamic header with a wrong checksum is refused',
    change: ({ file }) => file.put(512 + 100, Uint8Array.of(1)),
    expect: { kind: 'disk-corrupt', field: 'checksum', offset: 512 + 36 },
  },
  {
    title: 'a dynamic header without its mark is refused',
    change: (built) => changeHeader(built, (header) => header.fill(0, 0, 8)),
    expect: { kind: 'disk-corrupt', field: 'cookie', offset: 512 },
  },
  {
    title: 'H25: dynamic header version 2 is refused',
    change: (built) => changeHeader(built, (header) => putU32be(header, 24, 0x2_0000)),
    expect: { kind: 'disk-unsupported', field: 'version', offset: 512 + 24 },
  },
  ...[0, 256, 3 * 1024 * 1024, 512 * 1024 * 1024, 2 ** 31].map((blockSize): Recipe => ({
    title: `H2: block size ${blockSize} is refused`,
    change: (built) => changeHeader(built, (header) => putU32be(header, 32, blockSize)),
    expect: { kind: 'disk-corrupt', field: 'block_size', offset: 512 + 32 },
  })),
  {
    title: 'a BAT with fewer entries than the disk needs is refused',
    change: (built) => changeHeader(built, (header) => putU32be(header, 28, 11)),
    expect: { kind: 'disk-corrupt', field: 'max_table_entries', offset: 512 + 28 },
  },
  {
    title: 'H4: 2^32 − 1 BAT entries are refused before memory is taken',
    change: (built) => changeHeader(built, (header) => putU32be(header, 28, 0xffff_ffff)),
    expect: { kind: 'disk-truncated', field: 'max_table_entries', offset: 512 + 28, message: /cut short/ },
  },
  {
    title: 'H4: a BAT above the limit is refused though the file has room for it',
    change: async ({ file, ...built }) => {
      await file.truncate(2 ** 30);
      built = { ...built, footerAt: 2 ** 30 };
      file.put(2 ** 30, footerBytes());
      await changeHeader({ file, ...built }, (header) => putU32be(header, 28, 2 ** 27 + 1));
    },
    expect: { kind: 'disk-too-large', field: 'max_table_entries', offset: 512 + 28 },
  },
  {
    title: 'H17: a BAT that is not on a sector is refused',
    change: (built) => changeHeader(built, (header) => putU64be(header, 16, 1540)),
    expect: { kind: 'disk-corrupt', field: 'table_offset', offset: 512 + 16 },
  },
  {
    title: 'H1: a BAT offset above 2^53 is refused',
    change: (built) => changeHeader(built, (header) => header.fill(0xff, 16, 24)),
    expect: { kind: 'disk-corrupt', field: 'table_offset', offset: 512 + 16 },
  },
  {
    title: 'H3: a dynamic header behind the end of the file is refused',
    change: (built) => changeFooters(built, (footer) => putU64be(footer, 16, 2 ** 40)),
    expect: { kind: 'disk-truncated', field: 'data_offset', offset: 16 },
  },
  {
    title: 'a dynamic disk without a header is refused',
    change: (built) => changeFooters(built, (footer) => footer.fill(0xff, 16, 24)),
    expect: { kind: 'disk-corrupt', field: 'data_offset', offset: 16 },
  },
  {
    title: 'a disk without a size is refused',
    change: (built) => changeFooters(built, (footer) => putU64be(footer, 48, 0)),
    expect: { kind: 'disk-corrupt', field: 'current_size', offset: 48 },
  },
  {
    title: 'H5: a size above the cap is refused',
    change: (built) => changeFooters(built, (footer) => putU64be(footer, 48, 2 ** 46 + 512)),
    expect: { kind: 'disk-too-large', field: 'current_size', offset: 48 },
  },
  {
    title: 'H1: a size above 2^53 is refused',
    change: (built) => changeFooters(built, (footer) => footer.fill(0xff, 48, 56)),
    expect: { kind: 'disk-corrupt', field: 'current_size', offset: 48 },
  },
  {
    title: 'H3: a block behind the end of the file is refused at its BAT entry',
    change: ({ file, batOffset }) => file.put(batOffset + 4, u32(0x7fff_0000)),
    expect: { kind: 'disk-truncated', field: 'bat[1]', offset: 1536 + 4, message: /cut short/ },
  },
  {
    title: 'H8: a block at sector 0 would show the file its own header',
    change: ({ file, batOffset }) => file.put(batOffset, u32(0)),
    expect: { kind: 'disk-corrupt', field: 'bat[0]', offset: 1536 },
  },
  {
    title: 'H10: two guest blocks on one block of the file are refused',
    change: ({ file, batOffset, dataOffset }) => file.put(batOffset + 4, u32(dataOffset / 512)),
    expect: { kind: 'disk-corrupt', field: 'bat[1]', offset: 1536 + 4 },
  },
  {
    title: 'H8: a BAT inside the dynamic header is refused',
    change: (built) => changeHeader(built, (header) => putU64be(header, 16, 1024)),
    expect: { kind: 'disk-corrupt', field: 'BAT', offset: 1024 },
  },
];

for (const { title, shape, change, expect } of recipes) {
  test(`vhd ${title}`, async () => {
    const built = buildDynamic(shape);
    await change(built);
    const offset = typeof expect.offset === 'number' ? expect.offset : expect.offset(built);
    await assertRefused(vhd, built.file, { ...expect, offset });
  });
}

test('vhd H16: a dynamic disk cut at 60 % is refused, as its front copy still says where blocks are', async () => {
  const { file } = buildDynamic();
  await file.truncate(Math.floor((file.size * 6) / 10 / 512) * 512);
  await assertRefused(vhd, file, { kind: 'disk-truncated', field: 'bat[3]', offset: 1536 + 12 });
});

test('vhd H13: a fixed disk larger than its file is refused as cut', async () => {
  const file = buildFixed({ currentSize: 16_384 }, 8192);
  await assertRefused(vhd, file, { kind: 'disk-truncated', field: 'current_size', offset: 8192 + 48 });
});

test('vhd: a fixed disk whose only good footer is at the front has lost its end', async () => {
  const file = new SparseMemory(8192).put(0, footerBytes({ type: 2, currentSize: 8192 }));
  await assertRefused(vhd, file, { kind: 'disk-truncated', field: 'footer', offset: 8192 - 512 });
});

test('vhd H31: files without a footer, down to no byte, are refused with a kind', async () => {
  for (const size of [0, 1, 511, 512, 4096]) {
    await assert.rejects(vhd.open(memoryFile(new Uint8Array(size)), 'deny'), { kind: 'disk-corrupt' });
  }
});

test('vhd H12: a qcow2 header before a fixed footer is ambiguous', async () => {
  const file = buildFixed({ currentSize: 8192 }).put(0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3));
  await assert.rejects(openChecked(file), { kind: 'disk-ambiguous' });
});

const isPlain = (text: string): boolean => [...text].every((character) => character >= ' ');

test('vhd H26: control characters of the parent name and creator are escaped', async () => {
  const built = buildDynamic({ creator: '\x1b[31' });
  await changeFooters(built, (footer) => putU32be(footer, 60, 4));
  await changeHeader(built, (header) => header.set(encodeUtf16('\x1b[31mx\r\n', 'be'), 64));
  await assert.rejects(
    vhd.open(built.file, 'deny'),
    (error: Error & { evidence?: { facts?: { details: object } } }) => {
      assert.ok(isPlain(error.message), JSON.stringify(error.message));
      assert.ok(Object.values(error.evidence?.facts?.details ?? {}).every((v) => isPlain(String(v))));
      return true;
    },
  );
});
