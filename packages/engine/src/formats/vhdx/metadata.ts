import type { PageCache } from '../../access/page-cache.ts';
import { isPowerOfTwo } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { guidAt } from '../../bytes/guid.ts';
import { diskError } from '../../errors.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { startsWith } from './checksum.ts';
import { MiB } from './header.ts';
import type { Region } from './regions.ts';

const TABLE_BYTES = 64 * 1024;
const ENTRY_BYTES = 32;
const MAX_ENTRIES = 2047;
const flag = { user: 1, required: 4 } as const;

/** The items that a disk may have, and the length of each. */
const items: Record<string, { name: string; length: number | undefined }> = {
  'caa16737-fa36-4d43-b3b6-33f0aa44e76b': { name: 'file_parameters', length: 8 },
  '2fa54224-cd1b-4876-b211-5dbed83bf4b8': { name: 'virtual_disk_size', length: 8 },
  'beca12ab-b2e6-4523-93ef-c309e000c746': { name: 'page_83_data', length: 16 },
  '8141bf1d-a96f-4709-ba47-f233a8faab5f': { name: 'logical_sector_size', length: 4 },
  'cda348c7-445d-4471-9cc9-e9885251c556': { name: 'physical_sector_size', length: 4 },
  'a8d35f2d-b30b-454d-abf7-d3d84834ab0c': { name: 'parent_locator', length: undefined },
};

interface Item {
  readonly name: string;
  /** In the region. */
  readonly offset: number;
  readonly length: number;
  /** Offset of its table entry in the file. */
  readonly at: number;
}

export interface VhdxMetadata {
  readonly blockSize: number;
  /** "Leave blocks allocated": what a fixed disk says. */
  readonly isFixed: boolean;
  readonly virtualSize: number;
  readonly logicalSectorSize: number;
  readonly physicalSectorSize: number;
}

/**
 * The metadata table and the five items that every disk has.
 * @throws {DiskError} `disk-corrupt`; refusals that leave the values readable go to `checks`
 * @see MS-VHDX 2.6
 */
export async function readMetadata(tables: PageCache, region: Region, checks: Checks): Promise<VhdxMetadata> {
  const found = await readItems(tables, region, checks);
  const parameters = await itemFields(tables, region, found, 'file_parameters');
  const size = await itemFields(tables, region, found, 'virtual_disk_size');
  await itemFields(tables, region, found, 'page_83_data');
  const logical = await itemFields(tables, region, found, 'logical_sector_size');
  const physical = await itemFields(tables, region, found, 'physical_sector_size');
  const metadata = {
    blockSize: parameters.u32(0),
    isFixed: (parameters.u32(4) & 1) !== 0,
    virtualSize: size.u64(0, 'virtual_disk_size'),
    logicalSectorSize: logical.u32(0),
    physicalSectorSize: physical.u32(0),
  };
  checkParent(found.get('parent_locator'), parameters, checks);
  requireBlockSize(metadata.blockSize, parameters);
  requireSector(metadata.logicalSectorSize, logical, 'logical_sector_size');
  requireSector(metadata.physicalSectorSize, physical, 'physical_sector_size');
  requireSize(metadata, size);
  if (metadata.logicalSectorSize === 4096) {
    const where = { field: 'logical_sector_size', offset: logical.offset, value: 4096 };
    checks.noted(
      'sector-size',
      'its guest expects sectors of 4096 bytes (4Kn), others may not boot it',
      where,
    );
  } else checks.passed('sector-size', 'sectors of 512 bytes');
  return metadata;
}

async function readItems(tables: PageCache, region: Region, checks: Checks): Promise<Map<string, Item>> {
  const bytes = await tables.view(region.offset, TABLE_BYTES);
  const fields = new Fields(bytes, { format: 'vhdx', offset: region.offset, endian: 'le' });
  if (!startsWith(bytes, 'metadata')) {
    throw fields.error('disk-corrupt', 0, 'metadata', 'the metadata region lacks its mark "metadata"');
  }
  const count = fields.u16(10);
  if (count > MAX_ENTRIES) {
    throw fields.error(
      'disk-corrupt',
      10,
      'entry_count',
      `${count} metadata items, the limit is ${MAX_ENTRIES}`,
      {
        value: count,
        limit: MAX_ENTRIES,
      },
    );
  }
  const found = new Map<string, Item>();
  for (let i = 0; i < count; i++) {
    const at = ENTRY_BYTES * (i + 1);
    const guid = guidAt(bytes, at);
    const flags = fields.u32(at + 24);
    const known = (flags & flag.user) === 0 ? items[guid] : undefined;
    if (!known) {
      noteUnknown(guid, (flags & flag.required) !== 0, region.offset + at, checks);
      continue;
    }
    const item = {
      name: known.name,
      offset: fields.u32(at + 16),
      length: fields.u32(at + 20),
      at: region.offset + at,
    };
    requireItem(item, known.length, region);
    if (found.has(item.name)) throw fields.error('disk-corrupt', at, known.name, `a second ${known.name}`);
    found.set(item.name, item);
  }
  requireDisjoint([...found.values()]);
  return found;
}

function noteUnknown(guid: string, required: boolean, offset: number, checks: Checks): void {
  const where = { field: 'metadata_item', offset, value: guid };
  if (required)
    checks.refused('metadata', 'disk-unsupported', `requires the unknown metadata item ${guid}`, where);
  else checks.noted('metadata', `the unknown metadata item ${guid} is not used`, where);
}

function requireItem(item: Item, length: number | undefined, region: Region): void {
  const where = { format: 'vhdx', field: item.name, offset: item.at + 16, value: item.offset };
  if (length !== undefined && item.length !== length) {
    throw diskError('disk-corrupt', where, `${item.name} of ${item.length} bytes instead of ${length}`);
  }
  if (item.offset < TABLE_BYTES || item.offset + item.length > region.length) {
    throw diskError('disk-corrupt', where, `${item.name} at ${item.offset} lies outside the metadata region`);
  }
}

function requireDisjoint(found: readonly Item[]): void {
  const sorted = found.toSorted((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const [before, item] = [sorted[i - 1]!, sorted[i]!];
    if (before.offset + before.length <= item.offset) continue;
    const where = { format: 'vhdx', field: item.name, offset: item.at + 16, value: item.offset };
    throw diskError('disk-corrupt', where, `${before.name} and ${item.name} overlap`);
  }
}

/** The value of an item that must be there. */
async function itemFields(
  tables: PageCache,
  region: Region,
  found: ReadonlyMap<string, Item>,
  name: string,
): Promise<Fields> {
  const item = found.get(name);
  if (!item) {
    throw diskError(
      'disk-corrupt',
      { format: 'vhdx', field: name, offset: region.offset },
      `there is no ${name}`,
    );
  }
  const offset = region.offset + item.offset;
  const bytes = (await tables.view(offset, item.length)).slice();
  return new Fields(bytes, { format: 'vhdx', offset, endian: 'le' });
}

/** A parent holds what this file does not; it is never opened. */
function checkParent(locator: Item | undefined, parameters: Fields, checks: Checks): void {
  const wayOut = 'merge it into its parent (Merge-VHD) or copy it (Convert-VHD)';
  const where = { field: 'file_parameters', offset: parameters.offset + 4, value: parameters.u32(4) };
  if ((parameters.u32(4) & 2) !== 0) {
    checks.refused('parent', 'disk-unsafe', 'a differencing disk, its parent holds the rest', where, wayOut);
  } else if (locator) {
    const place = { field: 'parent_locator', offset: locator.at };
    checks.refused('parent', 'disk-unsafe', 'it says where a parent is', place, wayOut);
  } else checks.passed('parent', 'names no parent', where);
}

function requireBlockSize(blockSize: number, parameters: Fields): void {
  if (isPowerOfTwo(blockSize) && blockSize >= MiB && blockSize <= 256 * MiB) return;
  const fact = `block size ${blockSize} is not a power of two from 1 to 256 MiB`;
  throw parameters.error('disk-corrupt', 0, 'block_size', fact, { value: blockSize });
}

function requireSector(size: number, item: Fields, name: string): void {
  if (size === 512 || size === 4096) return;
  throw item.error('disk-corrupt', 0, name, `${name} ${size} is neither 512 nor 4096`, { value: size });
}

function requireSize(metadata: { virtualSize: number; logicalSectorSize: number }, item: Fields): void {
  const { virtualSize, logicalSectorSize } = metadata;
  checkVirtualSize(virtualSize, { format: 'vhdx', field: 'virtual_disk_size', offset: item.offset });
  if (virtualSize % logicalSectorSize === 0) return;
  const fact = `size ${virtualSize} is no multiple of the sector size ${logicalSectorSize}`;
  throw item.error('disk-corrupt', 0, 'virtual_disk_size', fact, { value: virtualSize });
}
