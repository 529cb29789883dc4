import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { u32le } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';

/** Entry of a block that was never written. */
export const UNALLOCATED = 0xffff_ffff;
/** Entry of a block that was discarded, and reads as zeros. */
export const DISCARDED = 0xffff_fffe;

/** Entries looked at in one go: one page of the cache. */
const STEP = 16_384;

export interface VdiMap {
  readonly file: RandomAccess;
  readonly tables: PageCache;
  readonly virtualSize: number;
  readonly mapOffset: number;
  readonly dataOffset: number;
  readonly blockSize: number;
  /** Bytes in front of each block's data. */
  readonly blockExtra: number;
  /** Blocks the header claims; no entry may be as large. */
  readonly blocks: number;
}

/**
 * Where each guest byte lies, by the block map.
 * @throws {DiskError} `disk-corrupt` for an entry that is no block, `disk-truncated` for a block
 *   behind the end of the file
 */
export async function* vdiExtents(
  map: VdiMap,
  guestOffset: number,
  onTable?: (table: FileRange) => void,
): AsyncGenerator<Extent> {
  const { blockSize, virtualSize } = map;
  const blocks = Math.ceil(virtualSize / blockSize);
  const first = Math.floor(guestOffset / blockSize);
  const runs = new ExtentRuns(map.file, { from: guestOffset, unitStart: first * blockSize, to: virtualSize });
  for (let block = first; block < blocks;) {
    const count = Math.min(STEP - (block % STEP), blocks - block);
    const page = await map.tables.view(map.mapOffset + 4 * block, 4 * count);
    for (let i = 0; i < count;) {
      const entry = u32le(page, 4 * i);
      if (entry >= DISCARDED) {
        let end = i + 1;
        while (end < count && u32le(page, 4 * end) === entry) end++;
        const length = (end - i) * blockSize;
        for (const extent of entry === DISCARDED ? runs.zero(length) : runs.hole(length)) yield extent;
        i = end;
        continue;
      }
      const place = dataPlace(map, block + i, entry);
      if (block + i === blocks - 1) takeRest(map, place, onTable);
      for (const extent of runs.stored(blockSize, place)) yield extent;
      i++;
    }
    block += count;
  }
  for (const extent of runs.flush()) yield extent;
}

/** File offset of a block's guest bytes, all of which lie in the file as far as the disk goes. */
function dataPlace(map: VdiMap, block: number, entry: number): number {
  const { blockSize, blockExtra, dataOffset, blocks, file } = map;
  if (entry >= blocks) {
    const where = { format: 'vdi', ...entryPlace(map, block), value: entry, limit: blocks };
    throw diskError('disk-corrupt', where, `block index ${entry}, the disk has ${blocks} blocks`);
  }
  const place = dataOffset + entry * (blockSize + blockExtra) + blockExtra;
  const needed = Math.min(blockSize, map.virtualSize - block * blockSize);
  if (place + needed > file.size) {
    throw pastEnd(
      { format: 'vdi', ...entryPlace(map, block), value: entry },
      `block ${block}`,
      place + needed,
      file.size,
    );
  }
  return place;
}

/** What the last block has behind the end of the disk is in use too, as far as the file goes. */
function takeRest(map: VdiMap, place: number, onTable: ((table: FileRange) => void) | undefined): void {
  const last = Math.ceil(map.virtualSize / map.blockSize) - 1;
  const end = place + map.virtualSize - last * map.blockSize;
  const length = Math.min(place + map.blockSize, map.file.size) - end;
  if (length > 0)
    onTable?.({ name: 'rest of the last block', offset: end, length, entry: entryPlace(map, last) });
}

export const entryPlace = (map: VdiMap, block: number): { field: string; offset: number } => ({
  field: `block_map[${block}]`,
  offset: map.mapOffset + 4 * block,
});
