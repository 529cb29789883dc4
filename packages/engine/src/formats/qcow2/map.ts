import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { joinHalves, u32be } from '../../bytes/integers.ts';
import type { Codec, Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd, type DiskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { compressedPlace } from './compressed.ts';

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

/** Of the upper half of an entry: offset bits 32–55, compressed (62), copied (63). */
const OFFSET_HIGH = 0x00ff_ffff;
const COMPRESSED = 0x4000_0000;
const COPIED = 0x8000_0000;
/** Offsets from 2^53 on are no numbers here (hazard H1), and no file is that long. */
const HIGH_LIMIT = 2 ** 21;

const entryBytes = (map: Qcow2Map): number => (map.extendedL2 ? 16 : 8);
/** Guest bytes behind one L1 entry. */
const spanOf = (map: Qcow2Map): number => (map.clusterSize / entryBytes(map)) * map.clusterSize;

/** The offset of an L1 or a standard L2 entry: bits 9–55. */
function offsetOf(high: number, low: number, error: (fact: string) => DiskError): number {
  const bits = high & OFFSET_HIGH;
  if (bits >= HIGH_LIMIT) throw error('an offset above 2^53');
  return joinHalves(bits, (low & ~511) >>> 0);
}

const entryError = (field: string, offset: number) => (fact: string) =>
  diskError('disk-corrupt', { format: 'qcow2', field, offset }, fact);

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
        yield* tableExtents(map, table, inTable / map.clusterSize, runs, onTable);
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

async function* tableExtents(
  map: Qcow2Map,
  table: number,
  firstEntry: number,
  runs: ExtentRuns,
  onTable: ((table: FileRange) => void) | undefined,
): AsyncGenerator<Extent> {
  const size = entryBytes(map);
  const entries = map.clusterSize / size;
  const read = map.extendedL2 ? extendedEntry : standardEntry;
  for (let entry = firstEntry; entry < entries && !runs.done;) {
    // As far as the page goes, so that the view is no copy.
    const at = table + entry * size;
    const toPageEnd = limits.pageBytes - (at % limits.pageBytes);
    const count = Math.min(entries - entry, toPageEnd / size);
    const page = await map.cache.view(at, count * size);
    for (let i = 0; i < count; i++) {
      for (const extent of read(map, runs, page, i * size, at + i * size, onTable)) yield extent;
    }
    entry += count;
  }
}

/** @param at of the entry in `page` @param place of the entry in the file */
function standardEntry(
  map: Qcow2Map,
  runs: ExtentRuns,
  page: Uint8Array,
  at: number,
  place: number,
  onTable: ((table: FileRange) => void) | undefined,
): readonly Extent[] {
  const high = u32be(page, at);
  const low = u32be(page, at + 4);
  if (high === 0 && low === 0) return runs.hole(map.clusterSize);
  if ((high & COMPRESSED) !== 0) return compressedEntry(map, runs, high, low, place);
  const offset = offsetOf(high, low, entryError('l2_entry', place));
  if ((low & 1) !== 0) {
    if (map.version === 2) throw entryError('l2_entry', place)('a zero bit, which version 2 does not have');
    notePreallocated(map, offset, place, onTable);
    return runs.zero(map.clusterSize);
  }
  if (offset === 0) return runs.hole(map.clusterSize);
  requireCluster(map, offset, place);
  return runs.storedUpToEnd(map.clusterSize, offset);
}

function extendedEntry(
  map: Qcow2Map,
  runs: ExtentRuns,
  page: Uint8Array,
  at: number,
  place: number,
  onTable: ((table: FileRange) => void) | undefined,
): readonly Extent[] {
  const high = u32be(page, at);
  const low = u32be(page, at + 4);
  const zero = u32be(page, at + 8);
  const allocated = u32be(page, at + 12);
  const error = entryError('l2_entry', place);
  if ((high & COMPRESSED) !== 0) {
    if (zero !== 0 || allocated !== 0) throw error('a compressed cluster with subclusters');
    return compressedEntry(map, runs, high, low, place);
  }
  if ((low & 1) !== 0) throw error('bit 0 is set, which extended entries do not have');
  if ((zero & allocated) !== 0) throw error('a subcluster is both allocated and zero');
  const offset = offsetOf(high, low, error);
  if (allocated === 0) {
    notePreallocated(map, offset, place, onTable);
    if (zero === 0) return runs.hole(map.clusterSize);
  } else {
    if (offset === 0) throw error('allocated subclusters without a cluster');
    requireCluster(map, offset, place);
  }
  return subclusters(map, runs, { offset, zero, allocated });
}

/** 32 subclusters, the least significant bit first. */
function subclusters(
  map: Qcow2Map,
  runs: ExtentRuns,
  entry: { offset: number; zero: number; allocated: number },
): readonly Extent[] {
  const length = map.clusterSize / 32;
  let complete: readonly Extent[] = [];
  for (let i = 0; i < 32; i++) {
    let next: readonly Extent[];
    if (((entry.allocated >>> i) & 1) === 1) next = runs.storedUpToEnd(length, entry.offset + i * length);
    else if (((entry.zero >>> i) & 1) === 1) next = runs.zero(length);
    else next = runs.hole(length);
    if (next.length > 0) complete = [...complete, ...next];
  }
  return complete;
}

function compressedEntry(
  map: Qcow2Map,
  runs: ExtentRuns,
  high: number,
  low: number,
  place: number,
): readonly Extent[] {
  if ((high & COPIED) !== 0) {
    throw entryError('l2_entry', place)('a compressed cluster is marked as not shared');
  }
  const { offset, length } = compressedPlace(map.clusterBits, high, low);
  if (offset >= HIGH_LIMIT * 2 ** 32) throw entryError('l2_entry', place)('an offset above 2^53');
  const end = offset + length;
  // The length counts whole sectors: the file may lack what only rounds up the last one (hazard H32).
  if (offset >= map.cache.size || end - map.cache.size >= 512) {
    const where = { format: 'qcow2', field: 'l2_entry', offset: place, value: offset };
    throw pastEnd(where, 'a compressed cluster', end, map.cache.size);
  }
  return runs.packed({
    unitSize: map.clusterSize,
    fileOffset: offset,
    fileLength: Math.min(end, map.cache.size) - offset,
    codec: map.codec,
  });
}

/** A data cluster starts on a cluster and in the file; the end of the file may cut it. */
function requireCluster(map: Qcow2Map, offset: number, place: number): void {
  if (offset % map.clusterSize !== 0) {
    throw entryError(
      'l2_entry',
      place,
    )(`the cluster at ${offset} is not on a multiple of ${map.clusterSize}`);
  }
  if (offset >= map.cache.size) {
    const where = { format: 'qcow2', field: 'l2_entry', offset: place, value: offset };
    throw pastEnd(where, 'a cluster', offset + map.clusterSize, map.cache.size);
  }
}

/** A cluster that reads as zeros may have a place of its own, which is in use all the same. */
function notePreallocated(
  map: Qcow2Map,
  offset: number,
  place: number,
  onTable: ((table: FileRange) => void) | undefined,
): void {
  if (offset === 0) return;
  requireCluster(map, offset, place);
  const entry = { field: 'l2_entry', offset: place };
  onTable?.({ name: 'preallocated cluster', offset, length: map.clusterSize, entry });
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
