import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import type { Disk, DiskFacts } from '../../disk/disk.ts';
import { DiskError } from '../../errors.ts';
import { Checks } from '../checks.ts';
import { checkCowd, COWD_HEADER_BYTES, COWD_TABLE_ENTRIES, cowdDirectoryAt, parseCowd } from './cowd.ts';
import { findDirectory } from './directory.ts';
import { SECTOR } from './header.ts';
import { grainEntryOf, grainExtents, type GrainMap } from './map.ts';

/** Open a COWD extent. @throws {DiskError} */
export async function openCowd(file: RandomAccess, tables: PageCache): Promise<Disk> {
  const whole = { name: 'header', offset: 0, length: COWD_HEADER_BYTES };
  requireInside(file, whole, { format: 'vmdk', field: 'header', offset: 0 });
  const header = parseCowd(await readBytes(file, 0, COWD_HEADER_BYTES));
  const checks = new Checks('vmdk');
  checkCowd(header, checks);
  const grainBytes = header.grainSectors * SECTOR;
  const virtualSize = header.capacity * SECTOR;
  const facts: DiskFacts = {
    format: 'vmdk',
    subformat: 'COWD',
    unitSize: grainBytes,
    compression: 'none',
    details: {},
  };
  checks.throwIfRefused({ facts, virtualSize });
  const directory = await findDirectory(
    tables,
    {
      name: 'grain directory',
      sector: header.directoryOffset,
      entries: header.directoryEntries,
      tableBytes: 4 * COWD_TABLE_ENTRIES,
    },
    cowdDirectoryAt,
  );
  if (directory instanceof DiskError) throw directory;
  const map: GrainMap = {
    file,
    tables,
    virtualSize,
    grainBytes,
    tableEntries: COWD_TABLE_ENTRIES,
    directory,
    copy: undefined,
    hasZeroedGrains: false,
    isCompressed: false,
  };
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: [
      { name: 'header', offset: 0, length: COWD_HEADER_BYTES },
      { name: directory.name, offset: directory.offset, length: 4 * directory.entries },
    ],
    canonical: false, // few programs read it
    extents: (guestOffset, onTable) => grainExtents(map, guestOffset, onTable),
    entryOf: (guestOffset) => grainEntryOf(map, guestOffset),
  };
}
