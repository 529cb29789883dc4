import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { joinHalves, u32be } from '../../bytes/integers.ts';
import type { Codec, Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { pastEnd } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { alikeEntries, entryError, extendedEntry, HIGH_LIMIT, offsetOf, standardEntries } from './entries.ts';

/** What is needed to follow the tables of an opened file. */
export interface Qcow2Map {
  /** Tables are read through it. */
  readonly cache: PageCache;
  /** What stored extents point into: guest data must not go through the cache. */
  readonly file: RandomAccess;
  readonly version: 2 | 3;
  readonly virtualSize: number;
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly extendedL2: boolean;
  readonly l1Offset: number;
  /** Absent where refcounts are stale. */
  readonly refcountTable: { readonly offset: number; readonly length: number } | undefined;
  /** Entries in use, not those that the header claims. */
  readonly l1Entries: number;
  readonly codec: Codec;
}

const entryBytes = (map: Qcow2Map): number => (map.extendedL2 ? 16 : 8);
/** Guest bytes behind one L1 entry. */
const spanOf = (map: Qcow2Map): number => (map.clusterSize / entryBytes(map)) * map.clusterSize;

/** Guest ranges and where they lie, from `from` on. @see `Disk.extents` */
export async function* qcow2Extents(
  map: Qcow2Map,
  from: number,
  onTable: ((table: FileRange) => void) | undefined,
): AsyncGenerator<Extent> {
  if (onTable && from === 0) await noteRefcountBlocks(map, onTable);
  const unitStart = from - (from % map.clusterSize);
  const runs = new ExtentRuns(map.file, { from, unitStart, to: map.virtualSize });
  const span = spanOf(map);
  let inTable = unitStart % span; // guest bytes of the first table that lie before `from`
  for (let l1 = Math.floor(from / span); l1 < map.l1Entries;) {
    const count = Math.min(map.l1Entries - l1, limits.pageBytes / 8);
    const page = await map.cache.view(map.l1Offset + l1 * 8, count * 8);
    for (let i = 0; i < count; i++, l1++, inTable = 0) {
      const table = tableOffset(map, page, i, l1);
      if (table === 0) {
        for (const extent of runs.hole(span - inTable)) yield extent;
      } else {
        const entry = { field: 'l1_entry', offset: map.l1Offset + l1 * 8 };
        onTable?.({ name: 'L2 table', offset: table, length: map.clusterSize, entry });
        for await (const part of tableParts(map, table, inTable / map.clusterSize, runs, onTable)) {
          for (const extent of part) yield extent;
        }
      }
    }
  }
  for (const extent of runs.flush()) yield extent;
}

/**
 * Refcount blocks are not read, but no data or table may lie in them, and the last may end the file.
 * Entries that are no possible place are left to `qemu-img check`.
 */
async function noteRefcountBlocks(map: Qcow2Map, onTable: (table: FileRange) => void): Promise<void> {
  if (!map.refcountTable) return;
  const { offset, length } = map.refcountTable;
  for (let at = 0; at < length; at += limits.pageBytes) {
    const page = await map.cache.view(offset + at, Math.min(limits.pageBytes, length - at));
    for (let entry = 0; entry < page.length; entry += 8) {
      const high = u32be(page, entry);
      const low = u32be(page, entry + 4);
      if (high === 0 && low === 0) continue;
      const block = high < HIGH_LIMIT ? joinHalves(high, (low & ~511) >>> 0) : 0;
      if (block === 0 || block % map.clusterSize !== 0 || block + map.clusterSize > map.cache.size) continue;
      onTable({ name: 'refcount block', offset: block, length: map.clusterSize });
    }
  }
}

/** The place of an L2 table, 0 when there is none. */
function tableOffset(map: Qcow2Map, page: Uint8Array, index: number, l1: number): number {
  const high = u32be(page, index * 8);
  const low = u32be(page, index * 8 + 4);
  if (high === 0 && low === 0) return 0;
  const at = map.l1Offset + l1 * 8;
  const offset = offsetOf(high, low, entryError('l1_entry', at));
  if (offset % map.clusterSize !== 0) {
    throw entryError('l1_entry', at)(`the L2 table at ${offset} is not on a cluster`);
  }
  if (offset + map.clusterSize > map.cache.size) {
    const where = { format: 'qcow2', field: 'l1_entry', offset: at, value: offset };
    throw pastEnd(where, 'the L2 table', offset + map.clusterSize, map.cache.size);
  }
  return offset;
}

/** The extents of an L2 table, page by page: one wait for each page, not for each extent. */
async function* tableParts(
  map: Qcow2Map,
  table: number,
  firstEntry: number,
  runs: ExtentRuns,
  onTable: ((table: FileRange) => void) | undefined,
): AsyncGenerator<Iterable<Extent>> {
  const size = entryBytes(map);
  const entries = map.clusterSize / size;
  for (let entry = firstEntry; entry < entries && !runs.done;) {
    // As far as the page goes, so that the view is no copy.
    const place = table + entry * size;
    const toPageEnd = limits.pageBytes - (place % limits.pageBytes);
    const count = Math.min(entries - entry, toPageEnd / size);
    const page = await map.cache.view(place, count * size);
    yield pageExtents(map, runs, { page, place, count }, onTable);
    entry += count;
  }
}

function* pageExtents(
  map: Qcow2Map,
  runs: ExtentRuns,
  { page, place, count }: { page: Uint8Array; place: number; count: number },
  onTable: ((table: FileRange) => void) | undefined,
): Generator<Extent> {
  const size = entryBytes(map);
  for (let i = 0; i < count;) {
    const where = { at: i * size, place: place + i * size };
    const alike = map.extendedL2 ? 1 : alikeEntries(map, page, i, count);
    const found = map.extendedL2
      ? extendedEntry(map, runs, page, where, onTable)
      : standardEntries(map, runs, page, { ...where, alike }, onTable);
    for (const extent of found) yield extent;
    i += alike;
  }
}

/** @see `Disk.entryOf` */
export async function qcow2EntryOf(
  map: Qcow2Map,
  guestOffset: number,
): Promise<{ field: string; offset: number }> {
  const l1 = Math.floor(guestOffset / spanOf(map));
  const at = map.l1Offset + l1 * 8;
  const table = tableOffset(map, await map.cache.view(at, 8), 0, l1);
  if (table === 0) return { field: 'l1_entry', offset: at };
  const entry = Math.floor((guestOffset % spanOf(map)) / map.clusterSize);
  return { field: 'l2_entry', offset: table + entry * entryBytes(map) };
}
