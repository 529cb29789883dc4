import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { isAllZero } from '../../bytes/align.ts';
import { joinHalves, u32le } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';

/** States of a payload block (MS-VHDX 2.5.1.1); 5 is what a version before the release wrote for 3. */
const states = {
  notPresent: 0,
  undefined: 1,
  zero: 2,
  unmapped: 3,
  unmappedOld: 5,
  present: 6,
  partial: 7,
} as const;

/** BAT entries looked at in one go: one page of the cache. */
const STEP = 8192;

export interface VhdxMap {
  readonly file: RandomAccess;
  readonly tables: PageCache;
  readonly virtualSize: number;
  readonly blockSize: number;
  /** Payload entries between two entries of sector bitmaps. */
  readonly chunk: number;
  readonly batOffset: number;
}

/** A sector bitmap covers 2^23 sectors. */
export const chunkRatio = (logicalSectorSize: number, blockSize: number): number =>
  (2 ** 23 * logicalSectorSize) / blockSize;

/** BAT entries of a disk without a parent. */
export function batEntries(virtualSize: number, blockSize: number, chunk: number): number {
  const blocks = Math.ceil(virtualSize / blockSize);
  return blocks + Math.floor((blocks - 1) / chunk);
}

const entryOfBlock = (map: VhdxMap, block: number): number => block + Math.floor(block / map.chunk);

export const entryPlace = (map: VhdxMap, block: number): { field: string; offset: number } => {
  const entry = entryOfBlock(map, block);
  return { field: `bat[${entry}]`, offset: map.batOffset + 8 * entry };
};

/**
 * Where each guest byte lies, by the BAT.
 * @throws {DiskError} `disk-corrupt` for an unknown state, `disk-unsafe` for a block of which a
 *   parent has a part, `disk-truncated` for a block behind the end of the file
 */
export async function* vhdxExtents(
  map: VhdxMap,
  guestOffset: number,
  onTable?: (table: FileRange) => void,
): AsyncGenerator<Extent> {
  const { blockSize, virtualSize, chunk } = map;
  const blocks = Math.ceil(virtualSize / blockSize);
  const first = Math.floor(guestOffset / blockSize);
  const runs = new ExtentRuns(map.file, { from: guestOffset, unitStart: first * blockSize, to: virtualSize });
  for (let block = first; block < blocks;) {
    // Up to the next sector bitmap entry, which lies between two chunks.
    const count = Math.min(STEP, chunk - (block % chunk), blocks - block);
    const page = await map.tables.view(map.batOffset + 8 * entryOfBlock(map, block), 8 * count);
    if (isAllZero(page)) {
      for (const extent of runs.hole(count * blockSize)) yield extent;
      block += count;
      continue;
    }
    for (let i = 0; i < count; i++) {
      const low = u32le(page, 8 * i);
      let found: readonly Extent[];
      switch (low & 7) {
        case states.notPresent:
        case states.undefined:
          found = runs.hole(blockSize);
          break;
        case states.zero:
        case states.unmapped:
        case states.unmappedOld:
          found = runs.zero(blockSize);
          break;
        case states.present:
          found = runs.stored(blockSize, dataPlace(map, block + i, u32le(page, 8 * i + 4), low, onTable));
          break;
        default:
          throw stateError(map, block + i, low & 7);
      }
      for (const extent of found) yield extent;
    }
    block += count;
  }
  for (const extent of runs.flush()) yield extent;
}

/** The block's place, bits 20 to 63 of its entry in MiB; the disk's last block may end with the disk. */
function dataPlace(
  map: VhdxMap,
  block: number,
  high: number,
  low: number,
  onTable: ((table: FileRange) => void) | undefined,
): number {
  const { blockSize, virtualSize, file } = map;
  const place = joinHalves(high, low - (low % 2 ** 20));
  const needed = Math.min(blockSize, virtualSize - block * blockSize);
  const end = place + needed;
  const entry = entryPlace(map, block);
  if (!Number.isSafeInteger(end)) {
    throw diskError('disk-corrupt', { format: 'vhdx', ...entry }, `block ${block} at an impossible place`);
  }
  if (end > file.size)
    throw pastEnd({ format: 'vhdx', ...entry, value: place }, `block ${block}`, end, file.size);
  if (needed < blockSize) {
    const length = Math.min(place + blockSize, file.size) - end;
    if (length > 0) onTable?.({ name: 'rest of the last block', offset: end, length, entry });
  }
  return place;
}

function stateError(map: VhdxMap, block: number, state: number): Error {
  const where = { format: 'vhdx', ...entryPlace(map, block), value: state };
  return state === states.partial
    ? diskError(
        'disk-unsafe',
        where,
        `block ${block} is partly in a parent`,
        'merge it into its parent (Merge-VHD)',
      )
    : diskError('disk-corrupt', where, `block ${block} has the unknown state ${state}`);
}
