import { ceilDiv, roundUp } from '../../bytes/align.ts';
import { putU16be, putU32be, putU64be, putU8 } from '../../bytes/integers.ts';
import type { Layout, LayoutOptions, Made, PlacedRun } from '../../convert/layout.ts';
import { diskError } from '../../errors.ts';
import { checksum, COOKIE, diskTypes, FOOTER_BYTES, footerAt } from './footer.ts';
import { geometryOf } from './geometry.ts';
import { bitmapBytes, HEADER_BYTES, HEADER_COOKIE, headerAt, VERSION } from './header.ts';
import { ABSENT } from './map.ts';

const BLOCK_BYTES = 2 * 1024 * 1024;
const BITMAP_BYTES = bitmapBytes(BLOCK_BYTES);
const HEADER_OFFSET = FOOTER_BYTES;
const BAT_OFFSET = HEADER_OFFSET + HEADER_BYTES;
/** Guest bytes that are looked at and skipped together in a fixed disk. */
const FIXED_UNIT_BYTES = 64 * 1024;
/** What VHD's readers take at most: FF000000 sectors, 2040 GiB. */
export const MAX_VHD_BYTES = 0xff00_0000 * 512;
/** Says that the current size is exact, whatever the geometry (qemu's force_size). */
const CREATOR = 'qem2';

/**
 * A VHD of exactly `virtualSize` bytes, subformat `dynamic` (default) or `fixed`. The unique id
 * is made of `options.seed`, the timestamp is 0 (2000-01-01): one input gives one output.
 * @throws {DiskError} `disk-too-large` above 2040 GiB, `disk-unsupported` for another subformat
 */
export function vhdLayout(virtualSize: number, options: LayoutOptions): Layout {
  const subformat = options.subformat ?? 'dynamic';
  if (subformat !== 'dynamic' && subformat !== 'fixed') {
    throw diskError(
      'disk-unsupported',
      { format: 'vhd', field: 'subformat', value: subformat },
      'subformats are dynamic and fixed',
    );
  }
  if (virtualSize > MAX_VHD_BYTES) {
    throw diskError(
      'disk-too-large',
      { format: 'vhd', field: 'virtual size', value: virtualSize, limit: MAX_VHD_BYTES },
      `${virtualSize} bytes do not fit into a VHD, which holds ${MAX_VHD_BYTES}`,
      'store it as vhdx, qcow2 or raw',
    );
  }
  return subformat === 'fixed'
    ? fixedLayout(virtualSize, options.seed)
    : dynamicLayout(virtualSize, options.seed);
}

function fixedLayout(virtualSize: number, seed: Uint8Array): Layout {
  return {
    virtualSize,
    unitSize: FIXED_UNIT_BYTES,
    placing: 'guest',
    dataOffset: 0,
    alignment: 512,
    cutLast: true,
    plain: true,
    encode: (_unit, guest) => guest,
    head: () => [],
    finish: () => [{ fileOffset: virtualSize, bytes: makeFooter(virtualSize, diskTypes.fixed, seed) }],
    fileSize: virtualSize + FOOTER_BYTES,
    ascending: true,
  };
}

function dynamicLayout(virtualSize: number, seed: Uint8Array): Layout {
  const entries = ceilDiv(virtualSize, BLOCK_BYTES);
  const footer = makeFooter(virtualSize, diskTypes.dynamic, seed);
  const batBytes = roundUp(4 * entries, 512);
  const dataOffset = BAT_OFFSET + batBytes;
  return {
    virtualSize,
    unitSize: BLOCK_BYTES,
    placing: 'append',
    dataOffset,
    alignment: 512,
    cutLast: false,
    plain: false,
    encode(_unit, guest, allocate) {
      const block = allocate(BITMAP_BYTES + BLOCK_BYTES);
      block.fill(0xff, 0, BITMAP_BYTES);
      block.set(guest, BITMAP_BYTES);
      return block;
    },
    head: () => [
      { fileOffset: 0, bytes: footer },
      { fileOffset: HEADER_OFFSET, bytes: makeDynamicHeader(entries) },
    ],
    finish(runs, end): Made[] {
      return [
        { fileOffset: BAT_OFFSET, bytes: makeBat(runs, batBytes) },
        { fileOffset: Math.max(end, dataOffset), bytes: footer },
      ];
    },
    ascending: false,
  };
}

function makeFooter(virtualSize: number, type: number, seed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES);
  const text = new TextEncoder();
  bytes.set(text.encode(COOKIE), 0);
  putU32be(bytes, 8, 2); // the reserved feature, always set
  putU32be(bytes, footerAt.version, VERSION);
  if (type === diskTypes.fixed) bytes.fill(0xff, footerAt.dataOffset, footerAt.dataOffset + 8);
  else putU64be(bytes, footerAt.dataOffset, HEADER_OFFSET);
  bytes.set(text.encode(CREATOR), footerAt.creator);
  putU16be(bytes, 32, 5);
  putU16be(bytes, 34, 3);
  bytes.set(text.encode('Wi2k'), 36); // Azure insists on a known host system
  putU64be(bytes, 40, virtualSize);
  putU64be(bytes, footerAt.currentSize, virtualSize);
  const geometry = geometryOf(virtualSize / 512);
  putU16be(bytes, footerAt.geometry, geometry.cylinders);
  putU8(bytes, footerAt.geometry + 2, geometry.heads);
  putU8(bytes, footerAt.geometry + 3, geometry.sectorsPerTrack);
  putU32be(bytes, footerAt.type, type);
  bytes.set(uuidOf(seed), footerAt.uniqueId);
  putU32be(bytes, footerAt.checksum, checksum(bytes, footerAt.checksum));
  return bytes;
}

/** The seed as a UUID of version 8 (RFC 9562: made by a rule of one's own). */
function uuidOf(seed: Uint8Array): Uint8Array {
  const uuid = seed.slice(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}

function makeDynamicHeader(entries: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(new TextEncoder().encode(HEADER_COOKIE), 0);
  bytes.fill(0xff, 8, 16); // no further structure
  putU64be(bytes, headerAt.batOffset, BAT_OFFSET);
  putU32be(bytes, headerAt.version, VERSION);
  putU32be(bytes, headerAt.maxTableEntries, entries);
  putU32be(bytes, headerAt.blockSize, BLOCK_BYTES);
  putU32be(bytes, headerAt.checksum, checksum(bytes, headerAt.checksum));
  return bytes;
}

/** The whole BAT, 4 MB at most (2040 GiB), padded with absent entries to a sector as qemu does. */
function makeBat(runs: readonly PlacedRun[], batBytes: number): Uint8Array {
  const bat = new Uint8Array(batBytes).fill(0xff); // ABSENT everywhere
  for (const run of runs) {
    for (let i = 0; i < run.count; i++) {
      const sector = (run.fileOffset + i * run.unitLength) / 512;
      if (sector >= ABSENT) throw new RangeError(`sector ${sector} has no BAT entry`);
      putU32be(bat, 4 * (run.firstUnit + i), sector);
    }
  }
  return bat;
}
