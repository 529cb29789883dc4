import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { fits, isAligned } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { guidAt } from '../../bytes/guid.ts';
import { u32le } from '../../bytes/integers.ts';
import type { FileRange } from '../../disk/disk.ts';
import { diskError, pastEnd } from '../../errors.ts';
import type { Checks } from '../checks.ts';
import { hasRightChecksum, startsWith } from './checksum.ts';
import { HEADER_SECTION_BYTES, MiB } from './header.ts';

const TABLE_OFFSETS = [192 * 1024, 256 * 1024] as const;
const TABLE_BYTES = 64 * 1024;
const ENTRY_BYTES = 32;
const FIRST_ENTRY = 16;
const MAX_ENTRIES = 2047;

const known: Record<string, 'BAT' | 'metadata'> = {
  '2dc27766-f623-4200-9d64-115e9bfd4a08': 'BAT',
  '8b7ca206-4790-4b9a-b8fe-575f050f886e': 'metadata',
};

export interface Region extends FileRange {
  readonly guid: string;
  readonly required: boolean;
  /** Offset of its entry in the file. */
  readonly at: number;
}

export interface Regions {
  readonly bat: Region;
  readonly metadata: Region;
  readonly all: readonly Region[];
  readonly bothGood: boolean;
}

/**
 * The regions of the file, by the first good region table; two good ones must agree (H29).
 * @param taken ranges that no region may overlap: the header section and the log
 * @throws {DiskError} `disk-corrupt`, `disk-ambiguous`, `disk-truncated`, `disk-unsupported`
 * @see MS-VHDX 2.2.3
 */
export async function readRegions(
  file: RandomAccess,
  taken: readonly FileRange[],
  checks: Checks,
): Promise<Regions> {
  const tables = [await readTable(file, TABLE_OFFSETS[0]), await readTable(file, TABLE_OFFSETS[1])];
  const [first, second] = tables;
  const all = first ?? second;
  if (!all) {
    const where = { format: 'vhdx', field: 'region_table', offset: TABLE_OFFSETS[0] };
    throw diskError('disk-corrupt', where, 'neither region table is good', 'mount it once in Hyper-V');
  }
  const bothGood = first !== undefined && second !== undefined;
  if (bothGood) requireSame(first, second);
  else {
    const broken = first ? TABLE_OFFSETS[1] : TABLE_OFFSETS[0];
    const fact = `the region table at byte ${broken} is damaged; the other is used`;
    checks.noted('region-tables', fact, { field: 'region_table', offset: broken });
  }
  for (const region of all) requirePlace(region, file);
  requireDisjoint(all, taken);
  noteUnknown(all, checks);
  if (bothGood) checks.passed('region-tables', 'both region tables are good and equal');
  return { bat: one(all, 'BAT'), metadata: one(all, 'metadata'), all, bothGood };
}

async function readTable(file: RandomAccess, at: number): Promise<Region[] | undefined> {
  if (!fits(at, TABLE_BYTES, file.size)) return undefined;
  const bytes = await readBytes(file, at, TABLE_BYTES);
  const count = u32le(bytes, 8);
  if (!startsWith(bytes, 'regi') || count > MAX_ENTRIES || !hasRightChecksum(bytes)) return undefined;
  const fields = new Fields(bytes, { format: 'vhdx', offset: at, endian: 'le' });
  return Array.from({ length: count }, (_, i) => {
    const entry = FIRST_ENTRY + i * ENTRY_BYTES;
    const guid = guidAt(bytes, entry);
    return {
      name: known[guid] ?? `region ${guid}`,
      guid,
      offset: fields.u64(entry + 16, 'region_offset'),
      length: fields.u32(entry + 24),
      required: (fields.u32(entry + 28) & 1) !== 0,
      at: at + entry,
    };
  });
}

function requireSame(first: readonly Region[], second: readonly Region[]): void {
  const other = (region: Region, i: number): boolean => {
    const same = second[i];
    return same?.guid !== region.guid || same.offset !== region.offset || same.length !== region.length;
  };
  const at = first.length === second.length ? first.findIndex(other) : Math.min(first.length, second.length);
  if (at < 0) return;
  const where = {
    format: 'vhdx',
    field: `region[${at}]`,
    offset: TABLE_OFFSETS[1] + FIRST_ENTRY + at * ENTRY_BYTES,
  };
  throw diskError(
    'disk-ambiguous',
    where,
    'both region tables are good and they differ',
    'mount it once in Hyper-V',
  );
}

function requirePlace(region: Region, file: RandomAccess): void {
  const { name, offset, length, at } = region;
  const where = { format: 'vhdx', field: 'region_offset', offset: at + 16, value: offset };
  if (!isAligned(offset, MiB) || !isAligned(length, MiB) || length === 0 || offset < HEADER_SECTION_BYTES) {
    throw diskError(
      'disk-corrupt',
      where,
      `the ${name} of ${length} bytes at ${offset} is not on whole MiB behind the first`,
    );
  }
  if (!fits(offset, length, file.size)) throw pastEnd(where, `the ${name}`, offset + length, file.size);
}

function requireDisjoint(all: readonly Region[], taken: readonly FileRange[]): void {
  const ranges = [...taken, ...all].toSorted((a, b) => a.offset - b.offset);
  for (let i = 1; i < ranges.length; i++) {
    const [before, range] = [ranges[i - 1]!, ranges[i]!];
    if (before.offset + before.length <= range.offset) continue;
    const region = [range, before].find((r): r is Region => 'at' in r);
    const where = { format: 'vhdx', field: 'region_offset', offset: (region?.at ?? TABLE_OFFSETS[0]) + 16 };
    throw diskError('disk-corrupt', where, `the ${before.name} and the ${range.name} overlap`);
  }
}

function noteUnknown(all: readonly Region[], checks: Checks): void {
  for (const region of all) {
    const where = { field: 'region_flags', offset: region.at + 28, value: region.guid };
    if (known[region.guid]) {
      // qemu leaves the bit out.
      if (!region.required)
        checks.noted('region-flags', `the ${region.name} region is not marked required`, where);
    } else if (region.required) {
      checks.refused('regions', 'disk-unsupported', `requires the unknown region ${region.guid}`, where);
    } else checks.noted('regions', `the unknown region ${region.guid} is not used`, where);
  }
}

function one(all: readonly Region[], name: 'BAT' | 'metadata'): Region {
  const found = all.filter((region) => region.name === name);
  const where = { format: 'vhdx', field: 'region_table', offset: found[1]?.at ?? TABLE_OFFSETS[0] };
  if (found.length !== 1)
    throw diskError('disk-corrupt', where, `${found.length} ${name} regions, there must be one`);
  return found[0]!;
}
