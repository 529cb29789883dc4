import type { PageCache } from '../../access/page-cache.ts';
import { fits } from '../../bytes/align.ts';
import { u32le } from '../../bytes/integers.ts';
import { diskError, pastEnd, type DiskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { SECTOR } from './header.ts';

/** A grain directory: one u32 for each grain table, its sector, 0 where there is none. */
export interface Directory {
  readonly name: string;
  /** Where it lies in the file, in bytes. */
  readonly offset: number;
  readonly entries: number;
}

/** Directory entries looked at in one go: one page of the cache. */
export const DIRECTORY_STEP = 16_384;

/** `count` entries from `first` on; a view that must not be kept. */
export const directoryPage = (
  tables: PageCache,
  directory: Directory,
  first: number,
  count: number,
): Promise<Uint8Array> => tables.view(directory.offset + 4 * first, 4 * count);

export const directoryEntryAt = (directory: Directory, index: number): { field: string; offset: number } => ({
  field: `grain_directory[${index}]`,
  offset: directory.offset + 4 * index,
});

/**
 * Why a directory can't be used: it, or a table that it names, is not wholly in the file.
 * @param sector where the header says it is
 * @param where the header's field
 * @returns the directory, or the error
 */
export async function findDirectory(
  tables: PageCache,
  wanted: { name: string; sector: number; entries: number; tableBytes: number },
  where: { field: string; offset: number },
): Promise<Directory | DiskError> {
  const { name, sector, entries, tableBytes } = wanted;
  const field = { format: 'vmdk', ...where, value: sector };
  if (4 * entries > limits.tableBytes) {
    const fact = `a grain directory of ${4 * entries} bytes, the limit is ${limits.tableBytes}`;
    return diskError('disk-too-large', { ...field, limit: limits.tableBytes }, fact);
  }
  if (sector === 0) return diskError('disk-corrupt', field, `no ${name}`);
  if (sector > tables.size / SECTOR || !fits(sector * SECTOR, 4 * entries, tables.size)) {
    return pastEnd(field, `the ${name}`, sector * SECTOR + 4 * entries, tables.size);
  }
  const directory = { name, offset: sector * SECTOR, entries };
  for (let first = 0; first < entries; first += DIRECTORY_STEP) {
    const count = Math.min(DIRECTORY_STEP, entries - first);
    const page = await directoryPage(tables, directory, first, count);
    for (let i = 0; i < count; i++) {
      const table = u32le(page, 4 * i) * SECTOR;
      if (table === 0 || fits(table, tableBytes, tables.size)) continue;
      const entry = { format: 'vmdk', ...directoryEntryAt(directory, first + i) };
      return pastEnd(entry, 'a grain table', table + tableBytes, tables.size);
    }
  }
  return directory;
}
