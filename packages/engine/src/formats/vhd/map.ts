import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { u32be } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { pastEnd } from '../../errors.ts';
import { bitmapBytes, type DynamicHeader } from './header.ts';

/** A BAT entry of a block that was never written. */
export const ABSENT = 0xffff_ffff;

/** BAT entries looked at in one go: one page of the cache. */
const STEP = 16_384;

export interface DynamicMap {
  readonly file: RandomAccess;
  readonly tables: PageCache;
  readonly header: DynamicHeader;
  readonly virtualSize: number;
}

/**
 * Where each guest byte of a dynamic disk lies. A block is a bitmap of its sectors, which every
 * reader of dynamic disks ignores, and then its data.
 * @throws {DiskError} `disk-truncated` at an entry whose block lies behind the end of the file
 */
export async function* dynamicExtents(
  map: DynamicMap,
  guestOffset: number,
  onTable?: (table: FileRange) => void,
): AsyncGenerator<Extent> {
  const { header, virtualSize } = map;
  const { blockSize } = header;
  const bitmap = bitmapBytes(blockSize);
  const blocks = Math.ceil(virtualSize / blockSize);
  const first = Math.floor(guestOffset / blockSize);
  const runs = new ExtentRuns(map.file, { from: guestOffset, unitStart: first * blockSize, to: virtualSize });
  for (let block = first; block < blocks;) {
    const count = Math.min(STEP - (block % STEP), blocks - block);
    const bat = await map.tables.view(header.batOffset + 4 * block, 4 * count);
    for (let i = 0; i < count;) {
      const sector = u32be(bat, 4 * i);
      if (sector === ABSENT) {
        let end = i + 1;
        while (end < count && u32be(bat, 4 * end) === ABSENT) end++;
        for (const extent of runs.hole((end - i) * blockSize)) yield extent;
        i = end;
        continue;
      }
      const start = sector * 512;
      requireBlock(map, block + i, start + bitmap);
      const { field, offset } = entryOf(header, block + i);
      onTable?.({ name: 'sector bitmap', offset: start, length: bitmap, entry: { field, offset } });
      for (const extent of runs.stored(blockSize, start + bitmap)) yield extent;
      i++;
    }
    block += count;
  }
  for (const extent of runs.flush()) yield extent;
}

/** All guest bytes of a block must lie in the file; what lies behind the disk's end may be missing. */
function requireBlock(map: DynamicMap, block: number, dataOffset: number): void {
  const needed = Math.min(map.header.blockSize, map.virtualSize - block * map.header.blockSize);
  if (dataOffset + needed > map.file.size) {
    throw pastEnd(entryOf(map.header, block), `block ${block}`, dataOffset + needed, map.file.size);
  }
}

export const entryOf = (
  header: DynamicHeader,
  block: number,
): { format: string; field: string; offset: number } => ({
  format: 'vhd',
  field: `bat[${block}]`,
  offset: header.batOffset + 4 * block,
});
