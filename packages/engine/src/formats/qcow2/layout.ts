import { ceilDiv, isPowerOfTwo, roundUp } from '../../bytes/align.ts';
import { highHalf, lowHalf, putU64be } from '../../bytes/integers.ts';
import type { Layout, LayoutOptions, Made, PlacedRun } from '../../convert/layout.ts';
import { diskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { writeHeader } from './header-out.ts';

const DEFAULT_CLUSTER = 64 * 1024;
const REFCOUNT_BYTES = 2;

/**
 * QCOW2 version 3 as `qemu-img` makes it by default (64 KiB clusters, 16-bit refcounts), but with
 * the tables behind the data: header | data clusters | L2 tables | L1 table | refcount table |
 * refcount blocks. The file is a whole number of clusters. Zero units are left out.
 * @param options `unitSize`: cluster size, a power of two, 512 bytes … 2 MiB
 * @throws {DiskError} `disk-unsupported` for compression, `disk-too-large` where the L1 table would be
 */
export function qcow2Layout(virtualSize: number, options: LayoutOptions): Layout {
  const clusterSize = options.unitSize ?? DEFAULT_CLUSTER;
  checkVirtualSize(virtualSize, { format: 'qcow2', field: 'size', offset: 24 });
  if (!isPowerOfTwo(clusterSize) || clusterSize < 512 || clusterSize > limits.qcow2ClusterBytes) {
    throw diskError(
      'disk-unsupported',
      { format: 'qcow2', value: clusterSize },
      `no cluster size ${clusterSize}`,
    );
  }
  if ((options.compression ?? 'none') !== 'none') {
    const fact = `written without compression, not with ${options.compression}`;
    throw diskError('disk-unsupported', { format: 'qcow2' }, fact);
  }
  const l1Entries = ceilDiv(virtualSize, clusterSize * (clusterSize / 8));
  if (l1Entries * 8 > limits.qcow2L1Bytes) {
    const fact = `clusters of ${clusterSize} bytes are too small for ${virtualSize} bytes`;
    throw diskError(
      'disk-too-large',
      { format: 'qcow2', value: l1Entries * 8, limit: limits.qcow2L1Bytes },
      fact,
    );
  }
  return {
    virtualSize,
    unitSize: clusterSize,
    placing: 'append',
    dataOffset: clusterSize,
    alignment: clusterSize,
    cutLast: false,
    plain: true,
    encode: (_unit, guest) => guest,
    head: () => [],
    finish: (runs, end) => finish({ virtualSize, clusterSize, l1Entries }, runs, end),
    ascending: false,
  };
}

interface Shape {
  readonly virtualSize: number;
  readonly clusterSize: number;
  readonly l1Entries: number;
}

/** Where each table goes; offsets and lengths in clusters. */
interface Places {
  readonly l2: number;
  readonly l1: number;
  readonly refcountTable: number;
  readonly refcountTableClusters: number;
  readonly blocks: number;
  readonly blockCount: number;
  readonly end: number;
}

function* finish(shape: Shape, placed: readonly PlacedRun[], end: number): Generator<Made> {
  const runs = [...placed].sort((a, b) => a.firstUnit - b.firstUnit);
  const { clusterSize } = shape;
  let tables = 0;
  for (const table of usedTables(shape, runs)) if (table >= 0) tables++;
  const places = placeTables(shape, tables, Math.max(1, ceilDiv(end, clusterSize)));
  yield* l2Tables(shape, runs, places);
  yield* l1Table(shape, runs, places);
  yield* refcounts(shape, runs, places);
  yield { fileOffset: 0, bytes: writeHeader({ ...shape, ...bytePlaces(places, clusterSize) }) };
}

const bytePlaces = (places: Places, clusterSize: number) => ({
  l1Offset: places.l1 * clusterSize,
  refcountTableOffset: places.refcountTable * clusterSize,
  refcountTableClusters: places.refcountTableClusters,
});

/** Refcounts cover every cluster of the file, their own too: repeat until the numbers stand still. */
function placeTables(shape: Shape, tables: number, dataEnd: number): Places {
  const { clusterSize } = shape;
  const l1 = dataEnd + tables;
  const refcountTable = l1 + ceilDiv(shape.l1Entries * 8, clusterSize);
  const perBlock = clusterSize / REFCOUNT_BYTES;
  let blockCount = 1;
  let refcountTableClusters = 1;
  for (;;) {
    const end = refcountTable + refcountTableClusters + blockCount;
    const blocks = ceilDiv(end, perBlock);
    const clusters = ceilDiv(blocks * 8, clusterSize);
    if (blocks === blockCount && clusters === refcountTableClusters) {
      return {
        l2: dataEnd,
        l1,
        refcountTable,
        refcountTableClusters,
        blocks: refcountTable + refcountTableClusters,
        blockCount,
        end,
      };
    }
    blockCount = blocks;
    refcountTableClusters = clusters;
  }
}

/** The L1 indexes that have data, ascending. @param runs ascending by unit */
function* usedTables(shape: Shape, runs: readonly PlacedRun[]): Generator<number> {
  const perTable = shape.clusterSize / 8;
  let last = -1;
  for (const run of runs) {
    const from = Math.floor(run.firstUnit / perTable);
    const to = Math.floor((run.firstUnit + run.count - 1) / perTable);
    for (let table = Math.max(from, last + 1); table <= to; table++) yield (last = table);
  }
}

const COPIED = 0x8000_0000;

/** A table of which entries are set one by one; each is "copied": its cluster is referenced once. */
class EntryTable {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  set(index: number, offset: number): void {
    this.#view.setUint32(index * 8, COPIED + highHalf(offset));
    this.#view.setUint32(index * 8 + 4, lowHalf(offset));
  }
}

function* l2Tables(shape: Shape, runs: readonly PlacedRun[], places: Places): Generator<Made> {
  const perTable = shape.clusterSize / 8;
  let at = places.l2;
  let run = 0;
  for (const table of usedTables(shape, runs)) {
    const entries = new EntryTable(shape.clusterSize);
    const first = table * perTable;
    const behind = first + perTable;
    for (; run < runs.length && runs[run]!.firstUnit < behind; run++) {
      const { firstUnit, count, fileOffset, unitLength } = runs[run]!;
      const from = Math.max(first, firstUnit);
      const to = Math.min(behind, firstUnit + count);
      for (let unit = from; unit < to; unit++) {
        entries.set(unit - first, fileOffset + (unit - firstUnit) * unitLength);
      }
      if (firstUnit + count > behind) break; // goes on in the next table
    }
    yield { fileOffset: at++ * shape.clusterSize, bytes: entries.bytes };
  }
}

/** Cluster by cluster; those without an entry stay unwritten and read as zeros. */
function* l1Table(shape: Shape, runs: readonly PlacedRun[], places: Places): Generator<Made> {
  const { clusterSize } = shape;
  const perCluster = clusterSize / 8;
  let piece: { cluster: number; entries: EntryTable } | undefined;
  let l2 = places.l2;
  for (const table of usedTables(shape, runs)) {
    const cluster = Math.floor(table / perCluster);
    if (piece && piece.cluster !== cluster) yield madeOf(piece);
    if (piece?.cluster !== cluster) piece = { cluster, entries: new EntryTable(clusterSize) };
    piece.entries.set(table % perCluster, l2++ * clusterSize);
  }
  if (piece) yield madeOf(piece);

  function madeOf({ cluster, entries }: { cluster: number; entries: EntryTable }): Made {
    return { fileOffset: (places.l1 + cluster) * clusterSize, bytes: entries.bytes };
  }
}

/** Table and blocks: 1 for every cluster that is in use, 0 for gaps between runs. */
function* refcounts(shape: Shape, runs: readonly PlacedRun[], places: Places): Generator<Made> {
  const { clusterSize } = shape;
  const table = new Uint8Array(places.refcountTableClusters * clusterSize);
  for (let i = 0; i < places.blockCount; i++) putU64be(table, i * 8, (places.blocks + i) * clusterSize);
  yield { fileOffset: places.refcountTable * clusterSize, bytes: table };

  const used = usedClusters(shape, runs, places);
  const perBlock = clusterSize / REFCOUNT_BYTES;
  let next = 0;
  for (let i = 0; i < places.blockCount; i++) {
    const bytes = new Uint8Array(clusterSize);
    const first = i * perBlock;
    for (; next < used.length && used[next]!.from < first + perBlock; next++) {
      const { from, to } = used[next]!;
      const behind = (Math.min(to, first + perBlock) - first) * REFCOUNT_BYTES;
      // Big-endian 1: the odd bytes.
      for (let at = (Math.max(from, first) - first) * REFCOUNT_BYTES + 1; at < behind; at += 2) bytes[at] = 1;
      if (to > first + perBlock) break;
    }
    yield { fileOffset: (places.blocks + i) * clusterSize, bytes };
  }
}

/** Ascending ranges of clusters, header and tables included. */
function usedClusters(
  shape: Shape,
  runs: readonly PlacedRun[],
  places: Places,
): { from: number; to: number }[] {
  const all = [{ from: 0, to: 1 }];
  for (const run of [...runs].sort((a, b) => a.fileOffset - b.fileOffset)) {
    const from = run.fileOffset / shape.clusterSize;
    const to = roundUp(run.fileOffset + run.count * run.unitLength, shape.clusterSize) / shape.clusterSize;
    const last = all.at(-1)!;
    if (last.to === from) last.to = to;
    else all.push({ from, to });
  }
  all.push({ from: places.l2, to: places.end });
  return all;
}
