import { roundUp } from '../../bytes/align.ts';
import { putU32le, putU64le } from '../../bytes/integers.ts';
import { pack } from '../../codec/pack.ts';
import type { Layout, LayoutOptions, Made, PlacedRun } from '../../convert/layout.ts';
import { diskError } from '../../errors.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import {
  BITMAP_SEGMENT,
  BLOCK_BYTES,
  BLOCKS_PER_SEGMENT,
  compressions,
  currentSizeOf,
  INDEX_SEGMENT,
  makeHeader,
  UNIT,
  type HeaderStart,
} from './header.ts';
import { makeRecord } from './record.ts';

/** zstd's level that is used unless stated: the others cost more time than they save bytes. */
const ZSTD_LEVEL = 1;
const ZLIB_LEVEL = 1;
const ENTRY_BYTES = 16;

/**
 * ZVHD2 as the platform's own tool writes it: version 1, blocks of 2 MiB, an index of the stored
 * ones. Written in one pass without going back, so it is hashed and streamed while it is made.
 * The disk grows to a whole GiB; the source's size stays in the header as original size.
 * @param options.compression `zstd` (default) or `zlib`
 * @throws {DiskError} `disk-unsupported` for another compression, `disk-too-large`
 */
export function zvhd2Layout(sourceSize: number, options: LayoutOptions): Layout {
  const originalSize = roundUp(sourceSize, 512);
  const virtualSize = currentSizeOf(originalSize);
  checkVirtualSize(virtualSize, { format: 'zvhd2', field: 'current_size', offset: 48 });
  const compression = options.compression ?? 'zstd';
  if (compression === 'none') {
    throw diskError('disk-unsupported', { format: 'zvhd2' }, 'blocks are packed with zstd or zlib');
  }
  const start: HeaderStart = {
    format: 'zvhd2',
    originalSize,
    uuid: options.seed.subarray(0, 16),
    compression: compressions[compression],
  };
  const kind = compression === 'zstd' ? 'zstd' : 'zlib-sync';
  const level = options.level ?? (compression === 'zstd' ? ZSTD_LEVEL : ZLIB_LEVEL);
  return {
    virtualSize,
    unitSize: BLOCK_BYTES,
    placing: 'append',
    dataOffset: UNIT,
    alignment: UNIT,
    cutLast: false,
    plain: false,
    encode: (block, guest, allocate) => makeRecord(block, pack(kind, guest, level), allocate),
    head: () => [{ fileOffset: 0, bytes: makeHeader(start) }],
    finish: (runs, end) => finish(start, runs, end),
    ascending: true,
  };
}

/** Header copy, index and bitmap by the segment, final header. */
function* finish(start: HeaderStart, runs: readonly PlacedRun[], end: number): Generator<Made> {
  const blocks = Math.ceil(start.originalSize / BLOCK_BYTES);
  const storedBlocks = runs.reduce((sum, run) => sum + run.count, 0);
  const indexOffset = end + UNIT;
  const indexSegments = Math.ceil(storedBlocks / BLOCKS_PER_SEGMENT);
  const bitmapOffset = indexOffset + indexSegments * INDEX_SEGMENT;
  const bitmapSegments = Math.ceil(blocks / BLOCKS_PER_SEGMENT);
  yield { fileOffset: end, bytes: makeHeader(start) };
  for (const { segment, bytes } of indexSegmentsOf(runs)) {
    yield { fileOffset: indexOffset + segment * INDEX_SEGMENT, bytes };
  }
  for (const { segment, bytes } of bitmapSegmentsOf(runs, bitmapSegments)) {
    yield { fileOffset: bitmapOffset + segment * BITMAP_SEGMENT, bytes };
  }
  const places = { indexOffset, indexSegments, bitmapOffset, bitmapSegments, storedBlocks };
  yield { fileOffset: bitmapOffset + bitmapSegments * BITMAP_SEGMENT, bytes: makeHeader(start, places) };
}

interface Segment {
  readonly segment: number;
  readonly bytes: Uint8Array;
}

/** One entry for each stored block, in order. */
function* indexSegmentsOf(runs: readonly PlacedRun[]): Generator<Segment> {
  let bytes = new Uint8Array(INDEX_SEGMENT);
  let segment = 0;
  let count = 0;
  for (const { block, offset, length } of blocksOf(runs)) {
    if (count === BLOCKS_PER_SEGMENT) {
      yield { segment: segment++, bytes };
      bytes = new Uint8Array(INDEX_SEGMENT);
      count = 0;
    }
    const at = count++ * ENTRY_BYTES;
    putU64le(bytes, at, offset);
    putU32le(bytes, at + 8, block);
    putU32le(bytes, at + 12, length);
  }
  if (count > 0) yield { segment, bytes };
}

/** One bit for each block of the disk, the least significant first. */
function* bitmapSegmentsOf(runs: readonly PlacedRun[], count: number): Generator<Segment> {
  let bytes = new Uint8Array(BITMAP_SEGMENT);
  let segment = 0;
  for (const { block } of blocksOf(runs)) {
    while (block >= (segment + 1) * BLOCKS_PER_SEGMENT) {
      yield { segment: segment++, bytes };
      bytes = new Uint8Array(BITMAP_SEGMENT);
    }
    const bit = block % BLOCKS_PER_SEGMENT;
    bytes[bit >>> 3]! |= 1 << (bit & 7);
  }
  for (; segment < count; segment++) {
    yield { segment, bytes };
    bytes = new Uint8Array(BITMAP_SEGMENT);
  }
}

function* blocksOf(runs: readonly PlacedRun[]): Generator<{ block: number; offset: number; length: number }> {
  for (const { firstUnit, count, fileOffset, unitLength } of runs) {
    for (let i = 0; i < count; i++) {
      yield { block: firstUnit + i, offset: fileOffset + i * unitLength, length: unitLength };
    }
  }
}
