import { pageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { decodeUtf16 } from '../../bytes/utf16.ts';
import { shownText } from '../../bytes/text.ts';
import type { Disk, DiskFacts, FileRange } from '../../disk/disk.ts';
import { diskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { startsWith } from './checksum.ts';
import { chooseHeader, FILE_MAGIC, headerAt, HEADER_SECTION_BYTES, type VhdxHeader } from './header.ts';
import { logRange, replayLog, type Replayed } from './log.ts';
import { batEntries, chunkRatio, entryPlace, vhdxExtents, type VhdxMap } from './map.ts';
import { readMetadata, type VhdxMetadata } from './metadata.ts';
import { readRegions, type Region } from './regions.ts';

/** The file's mark and its creator's name. */
const IDENTIFIER_BYTES = 520;

/** VHDX, fixed and dynamic; a pending log is replayed in memory. @see MS-VHDX */
export const vhdx: FormatDriver = {
  name: 'vhdx',
  matches: ({ head }) => startsWith(head, FILE_MAGIC),
  open: openVhdx,
};

async function openVhdx(file: RandomAccess): Promise<Disk> {
  const where = { format: 'vhdx', field: 'signature', offset: 0 };
  requireInside(file, { name: 'file identifier', offset: 0, length: IDENTIFIER_BYTES }, where);
  const identifier = await readBytes(file, 0, IDENTIFIER_BYTES);
  if (!startsWith(identifier, FILE_MAGIC)) {
    throw diskError('disk-corrupt', where, 'no VHDX');
  }
  const checks = new Checks('vhdx');
  const { header, bothGood: goodHeaders } = await chooseHeader(file, checks);
  const log = logRange(header, file.size);
  const replayed = await replay(file, header, log, checks);
  const taken: FileRange[] = [{ name: 'header section', offset: 0, length: HEADER_SECTION_BYTES }];
  if (log.length > 0) taken.push(log);

  const regions = await readRegions(replayed.file, taken, checks);
  const tables = pageCache(replayed.file);
  const metadata = await readMetadata(tables, regions.metadata, checks);
  const facts = factsOf(metadata, creatorOf(identifier));
  const map = mapOf(replayed.file, tables, metadata, regions.bat);
  checkBat(map, regions.bat, checks);
  checks.throwIfRefused({ facts, virtualSize: metadata.virtualSize });
  return {
    file: replayed.file,
    virtualSize: metadata.virtualSize,
    facts,
    findings: checks.findings,
    metadata: [...taken, ...regions.all.map(({ name, offset, length }) => ({ name, offset, length }))],
    canonical: goodHeaders && regions.bothGood && !header.hasLog && metadata.logicalSectorSize === 512,
    extents: (guestOffset, onTable) => vhdxExtents(map, guestOffset, onTable),
    async entryOf(guestOffset) {
      return entryPlace(map, Math.floor(guestOffset / map.blockSize));
    },
  };
}

async function replay(
  file: RandomAccess,
  header: VhdxHeader,
  log: FileRange,
  checks: Checks,
): Promise<Replayed> {
  const where = { field: 'log_guid', offset: header.fields.offset + headerAt.logGuid };
  if (!header.hasLog) {
    checks.passed('log', 'no pending log', where);
    return { file, entries: 0 };
  }
  const replayed = await replayLog(file, header, log);
  const { entries } = replayed;
  if (entries > 0)
    checks.noted('log', `replayed ${entries} log entries in memory`, { ...where, value: entries });
  else checks.noted('log', 'a log is announced, but it is empty', { ...where, value: 0 });
  return replayed;
}

/** The program's name in the file identifier, for people. */
function creatorOf(identifier: Uint8Array): string {
  const text = decodeUtf16(identifier.subarray(8, 520), 'le');
  const end = text.indexOf('\0');
  return shownText(end < 0 ? text : text.slice(0, end), 100);
}

function factsOf(metadata: VhdxMetadata, creator: string): DiskFacts {
  return {
    format: 'vhdx',
    subformat: metadata.isFixed ? 'fixed' : 'dynamic',
    unitSize: metadata.blockSize,
    compression: 'none',
    details: {
      creator,
      logicalSectorSize: metadata.logicalSectorSize,
      physicalSectorSize: metadata.physicalSectorSize,
    },
  };
}

function mapOf(file: RandomAccess, tables: VhdxMap['tables'], metadata: VhdxMetadata, bat: Region): VhdxMap {
  const { virtualSize, blockSize, logicalSectorSize } = metadata;
  const chunk = chunkRatio(logicalSectorSize, blockSize);
  return { file, tables, virtualSize, blockSize, chunk, batOffset: bat.offset };
}

/** Has the BAT an entry for each block (H2, H4)? */
function checkBat(map: VhdxMap, bat: Region, checks: Checks): void {
  const entries = batEntries(map.virtualSize, map.blockSize, map.chunk);
  const where = { field: 'region_length', offset: bat.at + 24, value: bat.length };
  const needed = 8 * entries;
  if (needed > limits.tableBytes) {
    checks.refused(
      'bat',
      'disk-too-large',
      `a BAT of ${needed} bytes, the limit is ${limits.tableBytes}`,
      where,
    );
  } else if (needed > bat.length) {
    checks.refused('bat', 'disk-corrupt', `the BAT has ${bat.length} bytes, the disk needs ${needed}`, where);
  } else checks.passed('bat', `${entries} entries`, where);
}
