import { deflateSync } from 'node:zlib';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { ceilDiv, roundUp } from '../../bytes/align.ts';
import { putU16le, putU32le, putU64le } from '../../bytes/integers.ts';

const SECTOR = 512;
const DESCRIPTOR_SECTORS = 20;
const TABLE_ENTRIES = 512;

/** What a test wants to be different from a small honest file. */
export interface VmdkShape {
  /** Sectors. */
  readonly capacity?: number;
  /** Sectors; a power of two. */
  readonly grain?: number;
  readonly version?: number;
  readonly flags?: number;
  readonly createType?: string;
  /** Replaces the whole descriptor. */
  readonly descriptor?: string;
  /** Lines put behind the extent line. */
  readonly more?: string;
  /** Stored grains, in the order in which they lie in the file, and the byte that fills each. */
  readonly grains?: readonly (readonly [grain: number, fill: number])[];
  /** Grain table entries as they are, by grain. */
  readonly entries?: ReadonlyMap<number, number>;
}

export interface BuiltVmdk {
  readonly file: SparseMemory;
  readonly grainBytes: number;
  readonly directoryOffset: number;
  readonly redundantOffset: number;
  /** Of the first grain table; the others follow. */
  readonly tableOffset: number;
  readonly redundantTableOffset: number;
  readonly dataOffset: number;
  /** File offset of each grain in `grains`. */
  readonly places: readonly number[];
}

export const descriptorText = (shape: VmdkShape = {}): string =>
  shape.descriptor ??
  `# Disk DescriptorFile
version=1
CID=7de0063a
parentCID=ffffffff
createType="${shape.createType ?? 'monolithicSparse'}"

# Extent description
RW ${shape.capacity ?? 47_105} SPARSE "disk.vmdk"
${shape.more ?? ''}
# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.adapterType = "ide"
`;

interface HeaderPlaces {
  /** Sectors, or −1 for "at the end". */
  readonly redundant: number;
  /** Sectors, or −1 for "at the end". */
  readonly directory: number;
  readonly overhead: number;
  readonly compressed: boolean;
}

function headerBytes(shape: VmdkShape, places: HeaderPlaces): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes.set(new TextEncoder().encode('KDMV'), 0);
  putU32le(bytes, 4, shape.version ?? (places.compressed ? 3 : 1));
  putU32le(bytes, 8, shape.flags ?? (places.compressed ? 0x3_0001 : 3));
  putU64le(bytes, 12, shape.capacity ?? 47_105);
  putU64le(bytes, 20, shape.grain ?? 128);
  putU64le(bytes, 28, 1);
  putU64le(bytes, 36, DESCRIPTOR_SECTORS);
  putU32le(bytes, 44, TABLE_ENTRIES);
  if (places.redundant < 0) bytes.fill(0xff, 48, 56);
  else putU64le(bytes, 48, places.redundant);
  if (places.directory < 0) bytes.fill(0xff, 56, 64);
  else putU64le(bytes, 56, places.directory);
  putU64le(bytes, 64, places.overhead);
  bytes.set([0x0a, 0x20, 0x0d, 0x0a], 73);
  putU16le(bytes, 77, places.compressed ? 1 : 0);
  return bytes;
}

/** header | descriptor | redundant directory | its tables | directory | tables | grains: qemu's order */
export function buildSparse(shape: VmdkShape = {}, compressed = false): BuiltVmdk {
  const {
    capacity = 47_105,
    grain = 128,
    grains = [
      [0, 0x11],
      [3, 0x33],
    ],
  } = shape;
  const grainBytes = grain * SECTOR;
  const tables = ceilDiv(capacity, grain * TABLE_ENTRIES);
  const directorySectors = ceilDiv(4 * tables, SECTOR);
  const redundant = 1 + DESCRIPTOR_SECTORS;
  const redundantTables = redundant + directorySectors;
  const directory = redundantTables + 4 * tables;
  const firstTable = directory + directorySectors;
  const overhead = roundUp(firstTable + 4 * tables, grain);
  const file = new SparseMemory(overhead * SECTOR);
  const flags = shape.flags ?? (compressed ? 0x3_0003 : 3);
  file.put(0, headerBytes({ ...shape, flags }, { redundant, directory, overhead, compressed }));
  file.put(SECTOR, new TextEncoder().encode(descriptorText(shape)));
  file.put(redundant * SECTOR, directoryBytes(tables, redundantTables));
  file.put(directory * SECTOR, directoryBytes(tables, firstTable));
  const put = (index: number, entry: number): void => {
    file.put(redundantTables * SECTOR + 4 * index, u32(entry));
    file.put(firstTable * SECTOR + 4 * index, u32(entry));
  };
  const places: number[] = [];
  for (const [index, fill] of grains) {
    const at = roundUp(file.size, SECTOR);
    const data = new Uint8Array(grainBytes).fill(fill);
    file.put(at, compressed ? packedGrain(index * grain, data) : data);
    places.push(at);
    put(index, at / SECTOR);
  }
  for (const [index, entry] of shape.entries ?? []) put(index, entry);
  return {
    file,
    grainBytes,
    directoryOffset: directory * SECTOR,
    redundantOffset: redundant * SECTOR,
    tableOffset: firstTable * SECTOR,
    redundantTableOffset: redundantTables * SECTOR,
    dataOffset: overhead * SECTOR,
    places,
  };
}

function directoryBytes(tables: number, firstTable: number): Uint8Array {
  const bytes = new Uint8Array(4 * tables);
  for (let table = 0; table < tables; table++) putU32le(bytes, 4 * table, firstTable + 4 * table);
  return bytes;
}

/** A grain with its marker, padded to whole sectors. */
export function packedGrain(sector: number, data: Uint8Array): Uint8Array {
  const packed = deflateSync(data);
  const bytes = new Uint8Array(roundUp(12 + packed.length, SECTOR));
  putU64le(bytes, 0, sector);
  putU32le(bytes, 8, packed.length);
  bytes.set(packed, 12);
  return bytes;
}

/** A marker of another kind: tables, footer, end of stream. */
export function marker(sectors: number, type: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  putU64le(bytes, 0, sectors);
  putU32le(bytes, 12, type);
  return bytes;
}

export interface StreamShape extends VmdkShape {
  /** A guest's bytes; grains of zeros are left out. Replaces `grains`. */
  readonly guest?: Uint8Array;
  /** End the last grain with the disk, as some writers do. */
  readonly cutLast?: boolean;
}

export interface BuiltStream {
  readonly file: SparseMemory;
  readonly grainBytes: number;
  /** Places of the grains' markers. */
  readonly places: readonly number[];
  readonly directoryOffset: number;
  /** Of the footer marker; the footer and the end mark follow. */
  readonly footerMarkerAt: number;
}

/**
 * A streamOptimized file in VMware's order: header, descriptor, grains with a table after each 512
 * of the disk, directory, footer, end mark; the header says that the directory is at the end.
 */
export function buildStream(shape: StreamShape = {}): BuiltStream {
  const full = { createType: 'streamOptimized', ...shape };
  const { capacity = 47_105, grain = 128 } = full;
  const grainBytes = grain * SECTOR;
  const overhead = 128;
  const file = new SparseMemory(overhead * SECTOR);
  file.put(0, headerBytes(full, { redundant: 0, directory: -1, overhead, compressed: true }));
  file.put(SECTOR, new TextEncoder().encode(descriptorText({ ...full, capacity })));
  const data = grainsOf(full, capacity, grainBytes);
  const places: number[] = [];
  const directory: number[] = [];
  for (let table = 0; table * TABLE_ENTRIES * grain < capacity; table++) {
    const entries = new Uint8Array(4 * TABLE_ENTRIES);
    for (const [index, bytes] of data) {
      if (Math.floor(index / TABLE_ENTRIES) !== table) continue;
      places.push(file.size);
      putU32le(entries, 4 * (index % TABLE_ENTRIES), file.size / SECTOR);
      file.put(file.size, packedGrain(index * grain, bytes));
    }
    const isEmpty = entries.every((byte) => byte === 0);
    directory.push(isEmpty ? 0 : file.size / SECTOR + 1);
    if (!isEmpty) file.put(file.size, marker(4, 1)).put(file.size, entries);
  }
  const directorySectors = ceilDiv(4 * directory.length, SECTOR);
  file.put(file.size, marker(directorySectors, 2));
  const directoryOffset = file.size;
  file.put(directoryOffset, new Uint8Array(directorySectors * SECTOR));
  directory.forEach((sector, i) => file.put(directoryOffset + 4 * i, u32(sector)));
  const footerMarkerAt = file.size;
  file.put(footerMarkerAt, marker(1, 3));
  const places2 = { redundant: 0, directory: directoryOffset / SECTOR, overhead, compressed: true };
  file.put(file.size, headerBytes(full, places2));
  file.put(file.size, marker(0, 0));
  return { file, grainBytes, places, directoryOffset, footerMarkerAt };
}

function grainsOf(shape: StreamShape, capacity: number, grainBytes: number): [number, Uint8Array][] {
  const {
    guest,
    grains = [
      [0, 0x11],
      [3, 0x33],
    ],
  } = shape;
  const length = (index: number): number =>
    shape.cutLast ? Math.min(grainBytes, capacity * SECTOR - index * grainBytes) : grainBytes;
  if (!guest) return grains.map(([index, fill]) => [index, new Uint8Array(length(index)).fill(fill)]);
  const found: [number, Uint8Array][] = [];
  for (let index = 0; index * grainBytes < guest.length; index++) {
    const bytes = new Uint8Array(length(index));
    bytes.set(guest.subarray(index * grainBytes, index * grainBytes + bytes.length));
    if (bytes.some((byte) => byte !== 0)) found.push([index, bytes]);
  }
  return found;
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32le(bytes, 0, value);
  return bytes;
}

export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  putU64le(bytes, 0, value);
  return bytes;
}
