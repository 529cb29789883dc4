import { joinHalves, u32be } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import type { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd, type DiskError } from '../../errors.ts';
import { compressedPlace } from './compressed.ts';
import type { Qcow2Map } from './map.ts';

/** Of the upper half of an entry: offset bits 32–55, compressed (62), copied (63). */
const OFFSET_HIGH = 0x00ff_ffff;
const COMPRESSED = 0x4000_0000;
const COPIED = 0x8000_0000;
/** Offsets from 2^53 on are no numbers here (hazard H1), and no file is that long. */
export const HIGH_LIMIT = 2 ** 21;

/** The offset of an L1 or a standard L2 entry: bits 9–55. */
export function offsetOf(high: number, low: number, error: (fact: string) => DiskError): number {
  const bits = high & OFFSET_HIGH;
  if (bits >= HIGH_LIMIT) throw error('an offset above 2^53');
  return joinHalves(bits, (low & ~511) >>> 0);
}

export const entryError = (field: string, offset: number) => (fact: string) =>
  diskError('disk-corrupt', { format: 'qcow2', field, offset }, fact);

/** Where an entry stands: in the page that was read, and in the file. */
interface Where {
  readonly at: number;
  readonly place: number;
}

/**
 * How many standard entries from `index` on say the same as the first: absent, or stored one behind
 * the other. At least 1, at most up to `count`; most tables are a few such runs.
 */
export function alikeEntries(map: Qcow2Map, page: Uint8Array, index: number, count: number): number {
  const high = u32be(page, index * 8);
  const low = u32be(page, index * 8 + 4);
  const absent = high === 0 && low === 0;
  const isPlain = (high & COMPRESSED) === 0 && (low & 1) === 0 && ((high & OFFSET_HIGH) !== 0 || low >= 512);
  if (!absent && !isPlain) return 1;
  const step = absent ? 0 : map.clusterSize;
  // A run ends where the lower half overflows; the next one goes on from there.
  let next = low + step;
  let i = index + 1;
  for (; i < count && u32be(page, i * 8) === high && u32be(page, i * 8 + 4) === next; i++) next += step;
  return i - index;
}

/** @param where.alike of `alikeEntries` */
export function standardEntries(
  map: Qcow2Map,
  runs: ExtentRuns,
  page: Uint8Array,
  { at, place, alike }: Where & { readonly alike: number },
  onTable: ((table: FileRange) => void) | undefined,
): readonly Extent[] {
  const high = u32be(page, at);
  const low = u32be(page, at + 4);
  const length = alike * map.clusterSize;
  if (high === 0 && low === 0) return runs.hole(length);
  if ((high & COMPRESSED) !== 0) return compressedEntry(map, runs, high, low, place);
  const offset = offsetOf(high, low, entryError('l2_entry', place));
  if ((low & 1) !== 0) {
    if (map.version === 2) throw entryError('l2_entry', place)('a zero bit, which version 2 does not have');
    notePreallocated(map, offset, place, onTable);
    return runs.zero(map.clusterSize);
  }
  if (offset === 0) return runs.hole(length);
  requireCluster(map, offset, place);
  requireCluster(map, offset + length - map.clusterSize, place + (alike - 1) * 8);
  return runs.storedUpToEnd(length, offset);
}

export function extendedEntry(
  map: Qcow2Map,
  runs: ExtentRuns,
  page: Uint8Array,
  { at, place }: Where,
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
