import { SparseMemory } from '../../access/sparse-memory.ts';
import { ceilDiv } from '../../bytes/align.ts';
import { putU16be, putU32be, putU64be } from '../../bytes/integers.ts';
import { MAGIC } from './header.ts';

/** What a test wants to be different from a small honest file. */
export interface Qcow2Shape {
  readonly version?: 2 | 3;
  readonly clusterBits?: number;
  readonly virtualSize?: number;
  readonly extendedL2?: boolean;
  readonly zstd?: boolean;
  /** L2 entries by guest cluster, upper and lower half (and the bitmap's, when extended). */
  readonly entries?: ReadonlyMap<number, readonly number[]>;
  /** Data clusters behind the tables. */
  readonly dataClusters?: number;
}

/** Where a built file has its tables: the order in which `qemu-img` puts them. */
export interface BuiltQcow2 {
  readonly file: SparseMemory;
  readonly clusterSize: number;
  readonly l1Offset: number;
  /** The first L2 table; all of them follow each other. */
  readonly l2Offset: number;
  readonly dataOffset: number;
}

/**
 * header | refcount table | refcount block | L1 | L2 tables (all of them) | data clusters. With the
 * defaults (64 KiB clusters, one L2 table) L1 is at 0x30000, L2 at 0x40000, data at 0x50000.
 */
export function buildQcow2(shape: Qcow2Shape = {}): BuiltQcow2 {
  const { version = 3, clusterBits = 16, virtualSize = 24_117_760, extendedL2 = false } = shape;
  const clusterSize = 2 ** clusterBits;
  const entryBytes = extendedL2 ? 16 : 8;
  const perTable = clusterSize / entryBytes;
  const tables = ceilDiv(virtualSize, perTable * clusterSize);
  const l1Offset = 3 * clusterSize;
  const l2Offset = l1Offset + ceilDiv(tables * 8, clusterSize) * clusterSize;
  const dataOffset = l2Offset + tables * clusterSize;
  const file = new SparseMemory(dataOffset + (shape.dataClusters ?? 0) * clusterSize);

  const header = new Uint8Array(version === 2 ? 72 : 112);
  putU32be(header, 0, MAGIC);
  putU32be(header, 4, version);
  putU32be(header, 20, clusterBits);
  putU64be(header, 24, virtualSize);
  putU32be(header, 36, tables);
  putU64be(header, 40, l1Offset);
  putU64be(header, 48, clusterSize);
  putU32be(header, 56, 1);
  if (version === 3) {
    putU32be(header, 76, (extendedL2 ? 16 : 0) + (shape.zstd ? 8 : 0));
    putU32be(header, 96, 4);
    putU32be(header, 100, 112);
    header[104] = shape.zstd ? 1 : 0;
  }
  file.put(0, header);
  file.put(clusterSize, u64(2 * clusterSize));
  file.put(2 * clusterSize, refcounts(file.size / clusterSize, clusterSize));
  for (let table = 0; table < tables; table++) {
    file.put(l1Offset + table * 8, entry(l2Offset + table * clusterSize));
  }
  for (const [cluster, halves] of shape.entries ?? []) {
    const words = new Uint8Array(entryBytes);
    halves.forEach((half, i) => putU32be(words, i * 4, half));
    file.put(l2Offset + cluster * entryBytes, words);
  }
  return { file, clusterSize, l1Offset, l2Offset, dataOffset };
}

function refcounts(clusters: number, clusterSize: number): Uint8Array {
  const block = new Uint8Array(clusterSize);
  for (let i = 0; i < Math.min(clusters, clusterSize / 2); i++) putU16be(block, i * 2, 1);
  return block;
}

export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  putU64be(bytes, 0, value);
  return bytes;
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32be(bytes, 0, value);
  return bytes;
}

/** An L1 or L2 entry with "copied" set. */
export function entry(offset: number): Uint8Array {
  const bytes = u64(offset);
  bytes[0]! |= 0x80;
  return bytes;
}

/** The halves of a stored cluster's entry. */
export const storedEntry = (offset: number): [number, number] => [
  0x8000_0000 + Math.floor(offset / 2 ** 32),
  offset % 2 ** 32,
];

/** The halves of a compressed cluster's entry. */
export function packedEntry(clusterBits: number, offset: number, length: number): [number, number] {
  const offsetBitsInHigh = 62 - (clusterBits - 8) - 32;
  const sectors = Math.floor((offset + length - 1) / 512) - Math.floor(offset / 512);
  const high = 0x4000_0000 + sectors * 2 ** offsetBitsInHigh + Math.floor(offset / 2 ** 32);
  return [high, offset % 2 ** 32];
}
