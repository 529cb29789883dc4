import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { joinHalves, u32le } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';
import { limits } from '../../limits.ts';

export interface QedMap {
  readonly file: RandomAccess;
  readonly cache: PageCache;
  readonly virtualSize: number;
  readonly clusterSize: number;
  /** Entries of one table, L1 and L2 alike. */
  readonly entries: number;
  readonly l1Offset: number;
}

/** Entries read in one step; a page holds so many. */
const STEP = limits.pageBytes / 8;
/** An L2 entry of this value: written, and zero. */
const ZERO_CLUSTER = 1;

/** @see `Disk.extents` */
export async function* qedExtents(
  map: QedMap,
  from: number,
  onTable: ((table: FileRange) => void) | undefined,
): AsyncGenerator<Extent> {
  const span = map.entries * map.clusterSize;
  const unitStart = from - (from % map.clusterSize);
  const runs = new ExtentRuns(map.file, { from, unitStart, to: map.virtualSize });
  const needed = Math.ceil(map.virtualSize / span);
  let inTable = unitStart % span;
  for (let l1 = Math.floor(from / span); l1 < needed;) {
    const count = Math.min(STEP, needed - l1);
    const page = await map.cache.view(map.l1Offset + l1 * 8, count * 8);
    for (let i = 0; i < count; i++, l1++, inTable = 0) {
      const place = map.l1Offset + l1 * 8;
      const table = offsetAt(map, page, i * 8, { field: 'l1_entry', place });
      if (table === 0) {
        for (const extent of runs.hole(span - inTable)) yield extent;
        continue;
      }
      requireTable(map, table, place);
      const entry = { field: 'l1_entry', offset: place };
      onTable?.({ name: 'L2 table', offset: table, length: map.entries * 8, entry });
      for await (const part of tableParts(map, table, inTable / map.clusterSize, runs)) {
        for (const extent of part) yield extent;
      }
    }
  }
  for (const extent of runs.flush()) yield extent;
}

/** The extents of an L2 table, page by page: one wait for each page, not for each extent. */
async function* tableParts(
  map: QedMap,
  table: number,
  first: number,
  runs: ExtentRuns,
): AsyncGenerator<Iterable<Extent>> {
  for (let entry = first; entry < map.entries && !runs.done;) {
    const at = table + entry * 8;
    const toPageEnd = (limits.pageBytes - (at % limits.pageBytes)) / 8;
    const count = Math.min(map.entries - entry, toPageEnd);
    const page = await map.cache.view(at, count * 8);
    yield pageExtents(map, runs, page, at);
    entry += count;
  }
}

function* pageExtents(map: QedMap, runs: ExtentRuns, page: Uint8Array, place: number): Generator<Extent> {
  for (let at = 0; at < page.length; at += 8) {
    for (const extent of entryExtents(map, runs, page, at, place + at)) yield extent;
  }
}

function entryExtents(
  map: QedMap,
  runs: ExtentRuns,
  page: Uint8Array,
  at: number,
  place: number,
): readonly Extent[] {
  const low = u32le(page, at);
  const high = u32le(page, at + 4);
  if (high === 0 && low === 0) return runs.hole(map.clusterSize);
  if (high === 0 && low === ZERO_CLUSTER) return runs.zero(map.clusterSize);
  const offset = offsetAt(map, page, at, { field: 'l2_entry', place });
  if (offset >= map.cache.size) {
    const where = { format: 'qed', field: 'l2_entry', offset: place, value: offset };
    throw pastEnd(where, 'a cluster', offset + map.clusterSize, map.cache.size);
  }
  return runs.storedUpToEnd(map.clusterSize, offset);
}

/** A whole offset on a cluster; above 2^53 − 1 it is none (hazard H1). */
function offsetAt(
  map: QedMap,
  page: Uint8Array,
  at: number,
  { field, place }: { field: string; place: number },
): number {
  const offset = joinHalves(u32le(page, at + 4), u32le(page, at));
  if (offset > Number.MAX_SAFE_INTEGER || offset % map.clusterSize !== 0) {
    const fact = `an offset of ${offset} is not on a multiple of ${map.clusterSize}`;
    throw diskError('disk-corrupt', { format: 'qed', field, offset: place, value: offset }, fact);
  }
  return offset;
}

function requireTable(map: QedMap, table: number, place: number): void {
  const end = table + map.entries * 8;
  if (end <= map.cache.size) return;
  const where = { format: 'qed', field: 'l1_entry', offset: place, value: table };
  throw pastEnd(where, 'the L2 table', end, map.cache.size);
}

/** @see `Disk.entryOf` */
export async function qedEntryOf(
  map: QedMap,
  guestOffset: number,
): Promise<{ field: string; offset: number }> {
  const span = map.entries * map.clusterSize;
  const place = map.l1Offset + Math.floor(guestOffset / span) * 8;
  const table = offsetAt(map, await map.cache.view(place, 8), 0, { field: 'l1_entry', place });
  if (table === 0) return { field: 'l1_entry', offset: place };
  return { field: 'l2_entry', offset: table + Math.floor((guestOffset % span) / map.clusterSize) * 8 };
}
