import type { PageCache } from '../../access/page-cache.ts';
import { fits, isAligned, isPowerOfTwo, isAllZero, roundUp } from '../../bytes/align.ts';
import { u32le } from '../../bytes/integers.ts';
import { cutShort } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Checks, FindingWhere } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { imageTypes, versions, type VdiHeader } from './header.ts';
import { DISCARDED, type VdiMap } from './map.ts';

const MiB = 1024 * 1024;
/** VirtualBox's bound, which keeps the map below 2 GiB. */
const MAX_BLOCKS = 0x1fff_ff80;
/** A map up to this long is counted when the file is opened; a longer one would cost too much. */
const COUNTED_MAP_BYTES = 256 * 1024;

const MERGE = 'merge it: VBoxManage clonemedium';

/** A parent holds what this file does not; it is never opened. */
export function checkParent(header: VdiHeader, checks: Checks): void {
  const { at, type, fields } = header;
  const where = { field: 'image_type', offset: at.type, value: type };
  const kinds: Record<number, string> = { 3: 'an undo disk', 4: 'a differencing disk' };
  if (kinds[type])
    checks.refused('image-type', 'disk-unsafe', `${kinds[type]}, its parent holds the rest`, where, MERGE);
  else if (type === imageTypes.dynamic || type === imageTypes.static) {
    checks.passed('image-type', type === imageTypes.dynamic ? 'dynamic' : 'static', where);
  } else checks.refused('image-type', 'disk-unsupported', `image type ${type} is unknown`, where);

  for (const [field, offset] of [
    ['link_uuid', at.linkUuid],
    ['parent_uuid', at.parentUuid],
  ] as const) {
    if (offset === undefined) continue;
    if (isAllZero(fields.slice(offset, 16))) checks.passed('parent', `${field} is empty`, { field, offset });
    else
      checks.refused(
        'parent',
        'disk-unsafe',
        `${field} names a parent, which holds the rest`,
        { field, offset },
        MERGE,
      );
  }
}

/** Sizes that all else is computed from. */
export function checkSizes(header: VdiHeader, checks: Checks): void {
  const { at, diskSize, blockSize, blockExtra, sectorSize } = header;
  const size = { field: 'disk_size', offset: at.diskSize, value: diskSize };
  const sized = checks.attempt('virtual-size', () => {
    checkVirtualSize(roundUp(diskSize, 512), { format: 'vdi', ...size });
    return true;
  });
  if (sized) checks.passed('virtual-size', `${diskSize} bytes`, size);
  if (diskSize % 512 !== 0)
    checks.noted('whole-sectors', `size ${diskSize} is rounded up to whole sectors`, size);

  if (sectorSize !== 512) {
    const where = { field: 'sector_size', offset: at.sectorSize, value: sectorSize };
    checks.refused('sector-size', 'disk-unsupported', `sectors of ${sectorSize} bytes`, where);
  }
  const block = { field: 'block_size', offset: at.blockSize, value: blockSize };
  if (!isPowerOfTwo(blockSize) || blockSize < MiB || blockSize > limits.blockBytes) {
    const fact = `block size ${blockSize} is not a power of two from ${MiB} to ${limits.blockBytes}`;
    checks.refused('block-size', 'disk-corrupt', fact, block);
  } else if (blockSize === MiB) checks.passed('block-size', 'blocks of 1 MiB', block);
  else
    checks.noted(
      'block-size',
      `blocks of ${blockSize} bytes, which VirtualBox reads and qemu does not`,
      block,
    );

  if (blockExtra === 0) return;
  const extra = { field: 'block_extra', offset: at.blockExtra!, value: blockExtra };
  if (blockExtra % 512 !== 0 || blockExtra > blockSize) {
    checks.refused('block-extra', 'disk-corrupt', `${blockExtra} extra bytes before each block`, extra);
  } else
    checks.noted(
      'block-extra',
      `${blockExtra} extra bytes before each block, which qemu does not skip`,
      extra,
    );
}

/** Is the map long enough, aligned, bounded, and in the file (H3, H4, H17)? */
export function checkMap(header: VdiHeader, fileSize: number, checks: Checks): void {
  const { at, blocks, diskSize, blockSize, mapOffset, dataOffset } = header;
  const count = { field: 'blocks_in_image', offset: at.blocks, value: blocks };
  const needed = Math.ceil(diskSize / blockSize);
  const end = mapOffset + 4 * blocks;
  if (blocks < needed)
    checks.refused('block-map', 'disk-corrupt', `${blocks} blocks, the disk needs ${needed}`, count);
  else if (blocks > MAX_BLOCKS) {
    checks.refused('block-map', 'disk-corrupt', `${blocks} blocks, the limit is ${MAX_BLOCKS}`, count);
  } else if (!fits(mapOffset, 4 * blocks, fileSize)) {
    const fact = `the block map needs byte ${end}, the file ends at ${fileSize}`;
    checks.refused('block-map', 'disk-truncated', fact, count, cutShort);
  } else if (4 * blocks > limits.tableBytes) {
    const fact = `a block map of ${4 * blocks} bytes, the limit is ${limits.tableBytes}`;
    checks.refused('block-map', 'disk-too-large', fact, count);
  } else checks.passed('block-map', `${blocks} entries, ${needed} needed`, count);

  if (header.isOldLayout) return;
  const places: [string, FindingWhere, number][] = [
    ['map-offset', { field: 'map_offset', offset: at.mapOffset!, value: mapOffset }, mapOffset],
    ['data-offset', { field: 'data_offset', offset: at.dataOffset!, value: dataOffset }, dataOffset],
  ];
  for (const [check, where, offset] of places) {
    if (!isAligned(offset, 512))
      checks.refused(check, 'disk-corrupt', `offset ${offset} is not on 512`, where);
  }
  if (dataOffset < end && mapOffset < dataOffset) {
    checks.refused(
      'data-offset',
      'disk-corrupt',
      `data at ${dataOffset} lie in the block map`,
      places[1]![1],
    );
  }
}

/** Version 1.0 moved its fields around; it is read only where all its numbers agree. */
export function checkVersion(header: VdiHeader, fileSize: number, checks: Checks): void {
  const where = { field: 'version', offset: 68, value: header.version };
  if (header.version === versions.v1_1) {
    checks.passed('version', 'version 1.1', where);
    return;
  }
  if (!header.isOldLayout) {
    checks.noted('version', 'version 1.0 with a header of version 1.1', where);
    return;
  }
  const { blocks, diskSize, blockSize, allocated, dataOffset } = header;
  const agree =
    blocks === Math.ceil(diskSize / blockSize) &&
    allocated <= blocks &&
    dataOffset + allocated * blockSize === fileSize;
  if (agree) checks.noted('version', 'the header of version 1.0; all its numbers agree', where);
  else {
    checks.refused(
      'version',
      'disk-unsupported',
      'the header of version 1.0, whose size, blocks and file size do not agree',
      where,
      'clone it with VBoxManage clonemedium',
    );
  }
}

/** Count the entries in use and compare with the header; maps of more than 64 Ki blocks are not counted. */
export async function checkAllocated(
  header: VdiHeader,
  map: VdiMap,
  tables: PageCache,
  checks: Checks,
): Promise<boolean> {
  const where = { field: 'blocks_allocated', offset: header.at.allocated, value: header.allocated };
  if (4 * map.blocks > COUNTED_MAP_BYTES) {
    checks.passed('blocks-allocated', `${header.allocated} blocks, not counted`, where);
    return true;
  }
  const entries = await tables.view(map.mapOffset, 4 * map.blocks);
  let used = 0;
  for (let i = 0; i < map.blocks; i++) if (u32le(entries, 4 * i) < DISCARDED) used++;
  if (used === header.allocated) {
    checks.passed('blocks-allocated', `${used} blocks`, where);
    return true;
  }
  checks.noted('blocks-allocated', `the header says ${header.allocated} blocks, the map has ${used}`, where);
  return false;
}
