import { SparseMemory } from '../../access/sparse-memory.ts';
import { ceilDiv, roundUp } from '../../bytes/align.ts';
import { putU32le, putU64le } from '../../bytes/integers.ts';

/** What a test wants to be different from a small honest disk. */
export interface VdiShape {
  readonly version?: number;
  readonly type?: number;
  readonly diskSize?: number;
  readonly blockSize?: number;
  readonly blockExtra?: number;
  /** Map entries by guest block; all others are unallocated. */
  readonly entries?: ReadonlyMap<number, number>;
  /** Blocks in the file; block i is filled with i + 1, its extra bytes with EE. */
  readonly dataBlocks?: number;
}

export interface BuiltVdi {
  readonly file: SparseMemory;
  readonly mapOffset: number;
  readonly dataOffset: number;
}

const MiB = 1024 * 1024;

/** header | block map at 512 | blocks: the order of qemu's files */
export function buildVdi(shape: VdiShape = {}): BuiltVdi {
  const { diskSize = 24_117_760, blockSize = MiB, blockExtra = 0, version = 0x1_0001 } = shape;
  const {
    entries = new Map([
      [0, 0],
      [3, 1],
    ]),
    dataBlocks = 2,
  } = shape;
  const blocks = ceilDiv(diskSize, blockSize);
  const mapOffset = 512;
  const dataOffset = mapOffset + roundUp(4 * blocks, 512);
  const header = new Uint8Array(512);
  header.set(new TextEncoder().encode('<<< a test >>>\n'), 0);
  putU32le(header, 64, 0xbeda_107f);
  putU32le(header, 68, version);
  putU32le(header, 72, 0x190);
  putU32le(header, 76, shape.type ?? 1);
  putU32le(header, 340, mapOffset);
  putU32le(header, 344, dataOffset);
  putU32le(header, 360, 512);
  putU64le(header, 368, diskSize);
  putU32le(header, 376, blockSize);
  putU32le(header, 380, blockExtra);
  putU32le(header, 384, blocks);
  putU32le(header, 388, [...entries.values()].filter((entry) => entry < 0xffff_fffe).length);
  header.fill(0xa5, 392, 424);
  const file = new SparseMemory().put(0, header);
  file.put(mapOffset, blockMap(blocks, entries));
  putBlocks(file, { dataOffset, blockSize, blockExtra, count: dataBlocks });
  return { file, mapOffset, dataOffset };
}

/** The header of version 1.0: 72 + 348 bytes, map and data close behind. */
export function buildOldVdi(shape: VdiShape = {}): BuiltVdi {
  const { diskSize = 3 * MiB, blockSize = MiB, entries = new Map([[1, 0]]), dataBlocks = 1 } = shape;
  const blocks = ceilDiv(diskSize, blockSize);
  const header = new Uint8Array(420);
  putU32le(header, 64, 0xbeda_107f);
  putU32le(header, 68, 0x1_0000);
  putU32le(header, 72, shape.type ?? 1);
  putU32le(header, 348, 512);
  putU64le(header, 352, diskSize);
  putU32le(header, 360, blockSize);
  putU32le(header, 364, blocks);
  putU32le(header, 368, entries.size);
  const file = new SparseMemory().put(0, header).put(420, blockMap(blocks, entries));
  const dataOffset = 420 + 4 * blocks;
  putBlocks(file, { dataOffset, blockSize, blockExtra: 0, count: dataBlocks });
  return { file, mapOffset: 420, dataOffset };
}

function blockMap(blocks: number, entries: ReadonlyMap<number, number>): Uint8Array {
  const map = new Uint8Array(4 * blocks).fill(0xff);
  for (const [block, entry] of entries) putU32le(map, 4 * block, entry);
  return map;
}

function putBlocks(
  file: SparseMemory,
  blocks: { dataOffset: number; blockSize: number; blockExtra: number; count: number },
): void {
  for (let i = 0; i < blocks.count; i++) {
    const at = blocks.dataOffset + i * (blocks.blockSize + blocks.blockExtra);
    file.put(at, new Uint8Array(blocks.blockExtra).fill(0xee));
    file.put(at + blocks.blockExtra, new Uint8Array(blocks.blockSize).fill(i + 1));
  }
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
