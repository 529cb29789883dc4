import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { isAllZero, roundDown } from '../../bytes/align.ts';
import { u32le } from '../../bytes/integers.ts';
import type { Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';
import { DIRECTORY_STEP, directoryEntryAt, directoryPage, type Directory } from './directory.ts';
import { SECTOR } from './header.ts';
import { Holes } from './holes.ts';
import { packedGrain } from './markers.ts';

/** What is needed to follow directory and tables of an opened file. */
export interface GrainMap {
  readonly file: RandomAccess;
  readonly tables: PageCache;
  readonly virtualSize: number;
  readonly grainBytes: number;
  readonly tableEntries: number;
  readonly directory: Directory;
  /** The second directory with tables of its own; both must say the same (H29). */
  readonly copy: Directory | undefined;
  /** Entry 1 means a grain of zeros. */
  readonly hasZeroedGrains: boolean;
  readonly isCompressed: boolean;
}

const ZEROED = 1;

type OnTable = ((table: FileRange) => void) | undefined;

/** One grain table that was looked up. */
interface Table {
  /** First grain, counted over the whole disk. */
  readonly firstGrain: number;
  /** Its place in the file, 0 where there is none. */
  readonly offset: number;
  /** `undefined` where all entries are 0. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Where each guest byte lies, by directory and grain tables.
 * @throws {DiskError} `disk-truncated`, `disk-corrupt`; `disk-ambiguous` where the two directories differ
 */
export async function* grainExtents(map: GrainMap, from: number, onTable: OnTable): AsyncGenerator<Extent> {
  const { grainBytes, virtualSize } = map;
  const span = map.tableEntries * grainBytes;
  const unitStart = roundDown(from, grainBytes);
  const runs = new ExtentRuns(map.file, { from, unitStart, to: virtualSize });
  const holes = new Holes(map.file);
  const copyHoles = new Holes(map.file); // its tables lie elsewhere; one memory would flip between them
  const count = Math.ceil(virtualSize / span);
  let last = 0; // place of the packed grain that lies furthest behind
  let skipped = (unitStart % span) / grainBytes; // entries of the first table before `from`
  for (let index = Math.floor(unitStart / span); index < count;) {
    const step = Math.min(DIRECTORY_STEP - (index % DIRECTORY_STEP), count - index);
    const page = await directoryPage(map.tables, map.directory, index, step);
    const copyPage = map.copy && (await directoryPage(map.tables, map.copy, index, step));
    for (let i = 0; i < step; i++, index++, skipped = 0) {
      const offset = u32le(page, 4 * i) * SECTOR;
      const copyOffset = copyPage ? u32le(copyPage, 4 * i) * SECTOR : 0;
      const table = await readTable(map, index, offset, holes);
      if (offset !== 0)
        onTable?.({
          name: 'grain table',
          offset,
          length: 4 * map.tableEntries,
          entry: directoryEntryAt(map.directory, index),
        });
      if (copyPage && (offset !== 0 || copyOffset !== 0)) {
        const copy = await readTable(map, index, copyOffset, copyHoles);
        if (copyOffset !== 0 && copyOffset !== offset) {
          onTable?.({
            name: 'redundant grain table',
            offset: copyOffset,
            length: 4 * map.tableEntries,
            entry: directoryEntryAt(map.copy!, index),
          });
        }
        requireSame(map, table, copy);
      }
      if (!table.bytes) {
        for (const extent of runs.hole(span - skipped * grainBytes)) yield extent;
      } else if (map.isCompressed) last = yield* packedExtents(map, { table, first: skipped, last }, runs);
      else yield* plainExtents(map, table, skipped, runs, onTable);
    }
  }
  // qemu ends a stream a whole grain behind the start of its last one, however well that packed.
  if (last > 0) {
    onTable?.({
      name: 'room of the last grain',
      offset: Math.min(last + grainBytes, map.file.size),
      length: 0,
    });
  }
  for (const extent of runs.flush()) yield extent;
}

async function readTable(map: GrainMap, index: number, offset: number, holes: Holes): Promise<Table> {
  const firstGrain = index * map.tableEntries;
  const length = 4 * map.tableEntries;
  if (offset === 0 || (await holes.covers(offset, length))) return { firstGrain, offset, bytes: undefined };
  const bytes = await map.tables.view(offset, length);
  return { firstGrain, offset, bytes: isAllZero(bytes) ? undefined : bytes };
}

/** Entries of a table that say something about the disk: the last table may reach behind its end. */
const entriesOf = (map: GrainMap, table: Table): number =>
  Math.min(map.tableEntries, Math.ceil(map.virtualSize / map.grainBytes) - table.firstGrain);

function requireSame(map: GrainMap, table: Table, copy: Table): void {
  if (!table.bytes && !copy.bytes) return;
  const meaning = (bytes: Uint8Array | undefined, i: number): number => {
    const entry = bytes ? u32le(bytes, 4 * i) : 0;
    return map.hasZeroedGrains && entry === ZEROED ? 0 : entry;
  };
  for (let i = 0; i < entriesOf(map, table); i++) {
    const ours = meaning(table.bytes, i);
    const theirs = meaning(copy.bytes, i);
    if (ours === theirs) continue;
    const place = copy.bytes ? copy : table;
    throw diskError(
      'disk-ambiguous',
      { format: 'vmdk', ...entryAt(place, i), value: theirs },
      `the two grain directories differ: sector ${ours} in the first, ${theirs} in the redundant one`,
      'convert it with the program that made it',
    );
  }
}

const entryAt = (table: Table, i: number): { field: string; offset: number } => ({
  field: `grain_table[${table.firstGrain + i}]`,
  offset: table.offset + 4 * i,
});

function* plainExtents(
  map: GrainMap,
  table: Table,
  first: number,
  runs: ExtentRuns,
  onTable: OnTable,
): Generator<Extent> {
  const { grainBytes, file, hasZeroedGrains } = map;
  const entries = entriesOf(map, table);
  for (let i = first; i < entries; i++) {
    const entry = u32le(table.bytes!, 4 * i);
    let found: readonly Extent[];
    if (entry === 0) found = runs.hole(grainBytes);
    else if (entry === ZEROED && hasZeroedGrains) found = runs.zero(grainBytes);
    else {
      const place = entry * SECTOR;
      const needed = Math.min(grainBytes, map.virtualSize - (table.firstGrain + i) * grainBytes);
      const end = place + needed;
      if (end > file.size) {
        throw pastEnd({ format: 'vmdk', ...entryAt(table, i), value: entry }, 'a grain', end, file.size);
      }
      if (needed < grainBytes) {
        const length = Math.min(grainBytes - needed, file.size - end);
        onTable?.({ name: 'rest of the last grain', offset: end, length, entry: entryAt(table, i) });
      }
      found = runs.stored(grainBytes, place);
    }
    for (const extent of found) yield extent;
  }
}

/** @returns the place of the grain that lies furthest behind, of this table and those before it */
async function* packedExtents(
  map: GrainMap,
  from: { readonly table: Table; readonly first: number; readonly last: number },
  runs: ExtentRuns,
): AsyncGenerator<Extent, number> {
  const { table } = from;
  const { grainBytes, hasZeroedGrains } = map;
  const entries = entriesOf(map, table);
  let last = from.last;
  for (let i = from.first; i < entries; i++) {
    const entry = u32le(table.bytes!, 4 * i);
    let found: readonly Extent[];
    if (entry === 0) found = runs.hole(grainBytes);
    else if (entry === ZEROED && hasZeroedGrains) found = runs.zero(grainBytes);
    else {
      const guestOffset = (table.firstGrain + i) * grainBytes;
      last = Math.max(last, entry * SECTOR);
      found = runs.packed(await packedGrain(map, entry * SECTOR, guestOffset, entryAt(table, i)));
    }
    for (const extent of found) yield extent;
  }
  return last;
}

/** @see `Disk.entryOf` */
export async function grainEntryOf(
  map: GrainMap,
  guestOffset: number,
): Promise<{ field: string; offset: number }> {
  const grain = Math.floor(guestOffset / map.grainBytes);
  const index = Math.floor(grain / map.tableEntries);
  const offset = u32le(await directoryPage(map.tables, map.directory, index, 1), 0) * SECTOR;
  if (offset === 0) return directoryEntryAt(map.directory, index);
  const firstGrain = index * map.tableEntries;
  return entryAt({ firstGrain, offset, bytes: undefined }, grain - firstGrain);
}
