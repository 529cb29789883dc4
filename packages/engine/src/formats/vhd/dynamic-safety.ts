import { readBytes } from '../../access/read.ts';
import { fits } from '../../bytes/align.ts';
import { u32be } from '../../bytes/integers.ts';
import { cutShort } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import type { Footer } from './footer.ts';
import { bitmapBytes, headerAt, type DynamicHeader } from './header.ts';
import { ABSENT, type DynamicMap } from './map.ts';

/** Blocks whose bitmap is looked at when a disk is opened; a sample, as each costs a read. */
const BITMAP_SAMPLE = 32;
/** BAT entries searched for them. */
const BAT_SAMPLE = 16_384;

/** Is the BAT long enough for the disk, within its limit, and in the file (H2, H3, H4)? */
export function checkTable(
  header: DynamicHeader,
  disk: { footer: Footer; virtualSize: number; fileSize: number },
  checks: Checks,
): void {
  const { batEntries, batOffset, blockSize } = header;
  const where = {
    field: 'max_table_entries',
    offset: header.at + headerAt.maxTableEntries,
    value: batEntries,
  };
  const needed = Math.ceil(disk.virtualSize / blockSize);
  const length = 4 * batEntries;
  if (batEntries < needed) {
    checks.refused(
      'bat',
      'disk-corrupt',
      `the BAT has ${batEntries} entries, the disk needs ${needed}`,
      where,
    );
  } else if (!fits(batOffset, length, disk.fileSize)) {
    const fact = `the BAT needs byte ${batOffset + length}, the file ends at ${disk.fileSize}`;
    checks.refused('bat', 'disk-truncated', fact, where, cutShort);
  } else if (length > limits.tableBytes) {
    checks.refused(
      'bat',
      'disk-too-large',
      `a BAT of ${length} bytes, the limit is ${limits.tableBytes}`,
      where,
    );
  } else checks.passed('bat', `${batEntries} entries, ${needed} needed`, where);
}

/**
 * Look at the sector bitmaps of the first stored blocks: programs that honour them would show
 * zeros where a bit is 0. qemu, Hyper-V and we don't, for a disk without a parent.
 */
export async function checkBitmaps(map: DynamicMap, checks: Checks): Promise<void> {
  const { header, virtualSize, file } = map;
  const entries = Math.min(Math.ceil(virtualSize / header.blockSize), BAT_SAMPLE);
  const bat = await map.tables.view(header.batOffset, 4 * entries);
  let looked = 0;
  for (let block = 0; block < entries && looked < BITMAP_SAMPLE; block++) {
    const sector = u32be(bat, 4 * block);
    if (sector === ABSENT) continue;
    const length = Math.min(512, bitmapBytes(header.blockSize));
    if (!fits(sector * 512, length, file.size)) continue; // the map refuses it
    looked++;
    const sectors = Math.min(header.blockSize, virtualSize - block * header.blockSize) / 512;
    const clear = clearBits(await readBytes(file, sector * 512, length), sectors);
    if (clear > 0) {
      checks.noted(
        'sector-bitmap',
        `block ${block} marks ${clear} of its sectors as never written; they are read as they are`,
        { field: 'sector_bitmap', offset: sector * 512, value: clear },
      );
      return;
    }
  }
  checks.passed('sector-bitmap', `the bitmaps of the first ${looked} stored blocks are full`);
}

/** 0 bits among the first `count` (as far as there are bytes), most significant bit first. */
function clearBits(bitmap: Uint8Array, count: number): number {
  let clear = 0;
  for (let i = 0; i < Math.min(count, bitmap.length * 8); i++) {
    if ((bitmap[i >> 3]! & (0x80 >> (i & 7))) === 0) clear++;
  }
  return clear;
}
