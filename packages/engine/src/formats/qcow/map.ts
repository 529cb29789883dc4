import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { roundUp } from '../../bytes/align.ts';
import { joinHalves, u32be } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';
import { limits } from '../../limits.ts';

export interface QcowMap {
  readonly file: RandomAccess;
  readonly cache: PageCache;
  /** As the header says; the disk goes on with zeros to a whole sector. */
  readonly virtualSize: number;
  readonly clusterBits: number;
  readonly clusterSize: number;
  /** Entries of one L2 table. */
  readonly l2Entries: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
}

/** Of the upper half of an L2 entry. */
const COMPRESSED = 0x8000_0000;
/** Entries read in one step; a page holds so many. */
const STEP = limits.pageBytes / 8;

const corrupt = (field: string, offset: number, fact: string) =>
  diskError('disk-corrupt', { format: 'qcow', field, offset }, fact);

/** A plain 64-bit offset; above 2^53 − 1 it is none (hazard H1). */
function offsetAt(page: Uint8Array, at: number, field: string, place: number): number {
  const offset = joinHalves(u32be(page, at), u32be(page, at + 4));
  if (offset > Number.MAX_SAFE_INTEGER) throw corrupt(field, place, 'an offset above 2^53');
  return offset;
}

/** @see `Disk.extents` */
export async function* qcowExtents(
  map: QcowMap,
  from: number,
  onTable: ((table: FileRange) => void) | undefined,
): AsyncGenerator<Extent> {
  const span = map.l2Entries * map.clusterSize;
  const unitStart = from - (from % map.clusterSize);
  const runs = new ExtentRuns(map.file, { from, unitStart, to: map.virtualSize });
  let inTable = unitStart % span;
  for (let l1 = Math.floor(from / span); l1 < map.l1Entries;) {
    const count = Math.min(STEP, map.l1Entries - l1);
    const page = await map.cache.view(map.l1Offset + l1 * 8, count * 8);
    for (let i = 0; i < count; i++, l1++, inTable = 0) {
      const table = tableAt(map, page, i, l1);
      if (table === 0) {
        for (const extent of runs.hole(span - inTable)) yield extent;
        continue;
      }
      const entry = { field: 'l1_entry', offset: map.l1Offset + l1 * 8 };
      onTable?.({ name: 'L2 table', offset: table, length: map.l2Entries * 8, entry });
      // At most 8192 entries: one view, a copy where it crosses a page.
      const whole = await map.cache.view(table, map.l2Entries * 8);
      const part = { page: whole, table, first: inTable / map.clusterSize };
      for (const extent of tableExtents(map, part, runs)) yield extent;
    }
  }
  for (const extent of runs.flush()) yield extent;
  const start = Math.max(from, map.virtualSize);
  const length = roundUp(map.virtualSize, 512) - start;
  if (length > 0) yield { kind: 'zero', guestOffset: start, length };
}

/** The place of an L2 table, 0 when there is none. Tables need not lie on a cluster. */
function tableAt(map: QcowMap, page: Uint8Array, index: number, l1: number): number {
  const place = map.l1Offset + l1 * 8;
  const offset = offsetAt(page, index * 8, 'l1_entry', place);
  if (offset === 0) return 0;
  const end = offset + map.l2Entries * 8;
  if (end > map.cache.size) {
    const where = { format: 'qcow', field: 'l1_entry', offset: place, value: offset };
    throw pastEnd(where, 'the L2 table', end, map.cache.size);
  }
  return offset;
}

/** @param page the whole table */
function* tableExtents(
  map: QcowMap,
  { page, table, first }: { page: Uint8Array; table: number; first: number },
  runs: ExtentRuns,
): Generator<Extent> {
  for (let entry = first; entry < map.l2Entries && !runs.done; entry++) {
    for (const extent of entryExtents(map, runs, page, entry * 8, table + entry * 8)) yield extent;
  }
}

function entryExtents(
  map: QcowMap,
  runs: ExtentRuns,
  page: Uint8Array,
  at: number,
  place: number,
): readonly Extent[] {
  const high = u32be(page, at);
  const low = u32be(page, at + 4);
  if (high === 0 && low === 0) return runs.hole(map.clusterSize);
  if ((high & COMPRESSED) !== 0) return packedEntry(map, runs, { high, low, place });
  const offset = offsetAt(page, at, 'l2_entry', place);
  if (offset >= map.cache.size) {
    const where = { format: 'qcow', field: 'l2_entry', offset: place, value: offset };
    throw pastEnd(where, 'a cluster', offset + map.clusterSize, map.cache.size);
  }
  return runs.storedUpToEnd(map.clusterSize, offset);
}

/** Bit 63, then cluster_bits bits of length in bytes, then the offset. */
function packedEntry(
  map: QcowMap,
  runs: ExtentRuns,
  { high, low, place }: { high: number; low: number; place: number },
): readonly Extent[] {
  const offsetBitsInHigh = 63 - map.clusterBits - 32; // 15…22
  const offset = joinHalves(high & (2 ** offsetBitsInHigh - 1), low);
  const length = (high >>> offsetBitsInHigh) & (map.clusterSize - 1);
  if (offset > Number.MAX_SAFE_INTEGER) throw corrupt('l2_entry', place, 'an offset above 2^53');
  if (length === 0) throw corrupt('l2_entry', place, 'a compressed cluster of no bytes');
  if (offset + length > map.cache.size) {
    const where = { format: 'qcow', field: 'l2_entry', offset: place, value: offset };
    throw pastEnd(where, 'a compressed cluster', offset + length, map.cache.size);
  }
  return runs.packed({
    unitSize: map.clusterSize,
    fileOffset: offset,
    fileLength: length,
    codec: { kind: 'deflate-raw' },
  });
}

/** @see `Disk.entryOf` */
export async function qcowEntryOf(
  map: QcowMap,
  guestOffset: number,
): Promise<{ field: string; offset: number }> {
  const span = map.l2Entries * map.clusterSize;
  const l1 = Math.floor(guestOffset / span);
  const place = map.l1Offset + l1 * 8;
  const table = tableAt(map, await map.cache.view(place, 8), 0, l1);
  if (table === 0) return { field: 'l1_entry', offset: place };
  return { field: 'l2_entry', offset: table + Math.floor((guestOffset % span) / map.clusterSize) * 8 };
}
