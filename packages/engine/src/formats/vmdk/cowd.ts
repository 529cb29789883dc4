import { Fields } from '../../bytes/fields.ts';
import { isPowerOfTwo } from '../../bytes/align.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { SECTOR } from './header.ts';

/** Bytes of the header that are looked at: numbers, then the parent's name of a child. */
export const COWD_HEADER_BYTES = 2048;
export const COWD_TABLE_ENTRIES = 4096;

const at = { version: 4, capacity: 12, grain: 16, directory: 20, entries: 24, parent: 32 } as const;
/** Cylinders, heads and sectors of a disk without a parent take the first 12 bytes of its name. */
const GEOMETRY_BYTES = 12;
const PARENT_NAME_BYTES = 1024;

/** Header of an extent in the format of old ESX servers ("vmfsSparse"). Places are in sectors. */
export interface CowdHeader {
  readonly fields: Fields;
  readonly capacity: number;
  readonly grainSectors: number;
  readonly directoryOffset: number;
  readonly directoryEntries: number;
}

export const cowdDirectoryAt = { field: 'gd_offset', offset: at.directory } as const;

/** @param bytes the first 2048 of the file @see VMware Virtual Disk Format 5.0, "ESX Server Sparse Extents" */
export function parseCowd(bytes: Uint8Array): CowdHeader {
  const fields = new Fields(bytes, { format: 'vmdk', offset: 0, endian: 'le' });
  return {
    fields,
    capacity: fields.u32(at.capacity),
    grainSectors: fields.u32(at.grain),
    directoryOffset: fields.u32(at.directory),
    directoryEntries: fields.u32(at.entries),
  };
}

/** A single extent without a parent is read; such files are mostly snapshots, which are refused. */
export function checkCowd(header: CowdHeader, checks: Checks): void {
  const { fields, capacity, grainSectors, directoryEntries } = header;
  const version = fields.u32(at.version);
  const versionAt = { field: 'version', offset: at.version, value: version };
  if (version === 1) checks.passed('version', 'version 1', versionAt);
  else checks.refused('version', 'disk-unsupported', `COWD version ${version} is unknown`, versionAt);

  const size = { field: 'capacity', offset: at.capacity, value: capacity };
  checks.attempt('virtual-size', () => checkVirtualSize(capacity * SECTOR, { format: 'vmdk', ...size }));

  const grain = { field: 'grain_size', offset: at.grain, value: grainSectors };
  if (!isPowerOfTwo(grainSectors) || grainSectors > limits.vmdkGrainBytes / SECTOR) {
    checks.refused('grain-size', 'disk-corrupt', `grains of ${grainSectors} sectors`, grain);
  } else {
    const needed = Math.ceil(capacity / grainSectors / COWD_TABLE_ENTRIES);
    const entries = { field: 'gd_entries', offset: at.entries, value: directoryEntries };
    if (directoryEntries >= needed)
      checks.passed('directory', `${directoryEntries} entries, ${needed} needed`, entries);
    else {
      const fact = `${directoryEntries} directory entries, the disk needs ${needed}`;
      checks.refused('directory', 'disk-corrupt', fact, entries);
    }
  }

  const name = fields.slice(at.parent, PARENT_NAME_BYTES);
  const parent = { field: 'parent_file_name', offset: at.parent };
  if (name.subarray(GEOMETRY_BYTES).some((byte) => byte !== 0)) {
    checks.refused(
      'parent',
      'disk-unsafe',
      'it has a parent, which holds the rest',
      parent,
      'consolidate its snapshots',
    );
  } else checks.passed('parent', 'names no parent', parent);
  checks.noted('cowd', 'an ESX sparse extent, read by its public description', { field: 'magic', offset: 0 });
}
