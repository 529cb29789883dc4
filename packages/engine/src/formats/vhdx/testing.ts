import { SparseMemory } from '../../access/sparse-memory.ts';
import { crc32c } from '../../bytes/crc32c.ts';
import { guidBytes } from '../../bytes/guid.ts';
import { putU16le, putU32le, putU64le } from '../../bytes/integers.ts';

export const MiB = 1024 * 1024;
export const LOG_AT = MiB;
export const METADATA_AT = 2 * MiB;
export const BAT_AT = 3 * MiB;
/** Items lie here in the metadata region, one behind the other. */
const ITEMS_AT = 64 * 1024;
export const LOG_GUID = '11223344-5566-7788-99aa-bbccddeeff00';
const NO_GUID = '00000000-0000-0000-0000-000000000000';

export const itemGuids = {
  parameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  size: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  page83: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logical: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physical: 'cda348c7-445d-4471-9cc9-e9885251c556',
  locator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
} as const;

export interface Item {
  readonly guid: string;
  readonly bytes: Uint8Array;
  readonly flags?: number;
}

export interface RegionShape {
  readonly guid: string;
  readonly offset: number;
  readonly length: number;
  readonly required: boolean;
}

export interface VhdxShape {
  readonly virtualSize?: number;
  readonly blockSize?: number;
  readonly sectorSize?: number;
  /** Bits of the file parameters: 1 leave allocated, 2 has a parent. */
  readonly parameters?: number;
  /** BAT entries by index. */
  readonly bat?: ReadonlyMap<number, number>;
  readonly batBytes?: number;
  /** Payload blocks in the file, block i filled with i + 1. */
  readonly dataBlocks?: number;
  /** Bytes of the pending log; none is pending without them. */
  readonly log?: Uint8Array;
  readonly moreItems?: readonly Item[];
  readonly moreRegions?: readonly RegionShape[];
}

export interface BuiltVhdx {
  readonly file: SparseMemory;
  readonly dataOffset: number;
}

/** header section | log | metadata | BAT | blocks, each on its own MiB */
export function buildVhdx(shape: VhdxShape = {}): BuiltVhdx {
  const { blockSize = MiB, batBytes = MiB, dataBlocks = 2 } = shape;
  const dataOffset = BAT_AT + batBytes;
  const file = new SparseMemory(dataOffset);
  const magic = new TextEncoder().encode('vhdxfile');
  file.put(0, magic).put(8, Uint8Array.of(0x74, 0, 0x1b, 0, 0x78, 0)); // "t\x1bx"
  const guid = shape.log ? LOG_GUID : NO_GUID;
  file.put(64 * 1024, headerBytes(4, guid)).put(128 * 1024, headerBytes(5, guid));
  const table = regionTable([
    { guid: '2dc27766-f623-4200-9d64-115e9bfd4a08', offset: BAT_AT, length: batBytes, required: true },
    { guid: '8b7ca206-4790-4b9a-b8fe-575f050f886e', offset: METADATA_AT, length: MiB, required: true },
    ...(shape.moreRegions ?? []),
  ]);
  file.put(192 * 1024, table).put(256 * 1024, table);
  if (shape.log) file.put(LOG_AT, shape.log);
  file.put(METADATA_AT, metadataBytes(itemsOf(shape)));
  for (const [index, entry] of shape.bat ?? [
    [0, present(dataOffset)],
    [3, present(dataOffset + blockSize)],
  ]) {
    file.put(BAT_AT + 8 * index, u64(entry));
  }
  for (let i = 0; i < dataBlocks; i++) {
    file.put(dataOffset + i * blockSize, new Uint8Array(blockSize).fill(i + 1));
  }
  return { file, dataOffset };
}

/** A BAT entry of a block that lies at `offset`. */
export const present = (offset: number): number => offset + 6;

export function headerBytes(sequence: number, logGuid: string, logLength = MiB): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set(new TextEncoder().encode('head'), 0);
  putU64le(bytes, 8, sequence);
  bytes.fill(0xa1, 16, 48);
  bytes.set(guidBytes(logGuid), 48);
  putU16le(bytes, 66, 1);
  putU32le(bytes, 68, logLength);
  putU64le(bytes, 72, LOG_AT);
  return summed(bytes);
}

export function regionTable(regions: readonly RegionShape[]): Uint8Array {
  const bytes = new Uint8Array(64 * 1024);
  bytes.set(new TextEncoder().encode('regi'), 0);
  putU32le(bytes, 8, regions.length);
  regions.forEach(({ guid, offset, length, required }, i) => {
    const at = 16 + 32 * i;
    bytes.set(guidBytes(guid), at);
    putU64le(bytes, at + 16, offset);
    putU32le(bytes, at + 24, length);
    putU32le(bytes, at + 28, required ? 1 : 0);
  });
  return summed(bytes);
}

function itemsOf(shape: VhdxShape): Item[] {
  const { virtualSize = 8 * MiB - 4096, blockSize = MiB, sectorSize = 512, parameters = 0 } = shape;
  return [
    { guid: itemGuids.parameters, bytes: concat(u32(blockSize), u32(parameters)) },
    { guid: itemGuids.size, bytes: u64(virtualSize) },
    { guid: itemGuids.page83, bytes: new Uint8Array(16).fill(0x83) },
    { guid: itemGuids.logical, bytes: u32(sectorSize) },
    { guid: itemGuids.physical, bytes: u32(4096) },
    ...(shape.moreItems ?? []),
  ];
}

/** Places of the first five items' values in the file. */
export const itemAt = {
  parameters: METADATA_AT + ITEMS_AT,
  size: METADATA_AT + ITEMS_AT + 8,
  page83: METADATA_AT + ITEMS_AT + 16,
  logical: METADATA_AT + ITEMS_AT + 32,
  physical: METADATA_AT + ITEMS_AT + 36,
} as const;

/** Place of an item's entry in the file. */
export const itemEntryAt = (index: number): number => METADATA_AT + 32 * (index + 1);

function metadataBytes(items: readonly Item[]): Uint8Array {
  const bytes = new Uint8Array(ITEMS_AT + 4096);
  bytes.set(new TextEncoder().encode('metadata'), 0);
  putU16le(bytes, 10, items.length);
  let offset = ITEMS_AT;
  items.forEach((item, i) => {
    const at = 32 * (i + 1);
    bytes.set(guidBytes(item.guid), at);
    putU32le(bytes, at + 16, offset);
    putU32le(bytes, at + 20, item.bytes.length);
    putU32le(bytes, at + 24, item.flags ?? 4);
    bytes.set(item.bytes, offset);
    offset += item.bytes.length;
  });
  return bytes;
}

/** One write of a log entry. */
export type LogWrite =
  | { readonly at: number; readonly data: Uint8Array }
  | { readonly at: number; readonly zeros: number };

export interface EntryShape {
  readonly sequence: number;
  readonly writes: readonly LogWrite[];
  /** Position of the oldest entry that is still needed. */
  readonly tail: number;
  readonly flushed: number;
  readonly last: number;
  readonly guid?: string;
  /** Change the finished entry before it is summed. */
  readonly change?: (entry: Uint8Array) => void;
}

/** A log entry by the specification (MS-VHDX 2.3.1): descriptors, then a sector for each data write. */
export function logEntry(shape: EntryShape): Uint8Array {
  const { sequence, writes } = shape;
  const descriptorBytes = Math.ceil((64 + 32 * writes.length) / 4096) * 4096;
  const data = writes.filter((write) => 'data' in write);
  const entry = new Uint8Array(descriptorBytes + 4096 * data.length);
  entry.set(new TextEncoder().encode('loge'), 0);
  putU32le(entry, 8, entry.length);
  putU32le(entry, 12, shape.tail);
  putU64le(entry, 16, sequence);
  putU32le(entry, 24, writes.length);
  entry.set(guidBytes(shape.guid ?? LOG_GUID), 32);
  putU64le(entry, 48, shape.flushed);
  putU64le(entry, 56, shape.last);
  let sector = descriptorBytes;
  writes.forEach((write, i) => {
    const at = 64 + 32 * i;
    entry.set(new TextEncoder().encode('data' in write ? 'desc' : 'zero'), at);
    putU64le(entry, at + 16, write.at);
    putU64le(entry, at + 24, sequence);
    if ('zeros' in write) {
      putU64le(entry, at + 8, write.zeros);
      return;
    }
    entry.set(write.data.subarray(4092), at + 4);
    entry.set(write.data.subarray(0, 8), at + 8);
    entry.set(write.data, sector);
    entry.set(new TextEncoder().encode('data'), sector);
    putU32le(entry, sector + 4, 0);
    putU32le(entry, sector + 4092, sequence);
    sector += 4096;
  });
  shape.change?.(entry);
  return summed(entry);
}

/** Entries put into a log of `length` bytes at their positions, around its end where they reach it. */
export function logOf(
  entries: readonly (readonly [position: number, entry: Uint8Array])[],
  length = MiB,
): Uint8Array {
  const log = new Uint8Array(length);
  for (const [position, entry] of entries) {
    entry.forEach((byte, i) => {
      log[(position + i) % length] = byte;
    });
  }
  return log;
}

/** The same bytes with a right CRC-32C at byte 4. */
export function summed(bytes: Uint8Array): Uint8Array {
  putU32le(bytes, 4, 0);
  putU32le(bytes, 4, crc32c(bytes));
  return bytes;
}

/** Change a structure of the file and sum it again. */
export async function changeAt(
  file: SparseMemory,
  at: number,
  length: number,
  change: (bytes: Uint8Array) => void,
): Promise<void> {
  const bytes = new Uint8Array(length);
  await file.read(at, bytes);
  change(bytes);
  file.put(at, summed(bytes));
}

export const changeRegions = async (
  file: SparseMemory,
  change: (table: Uint8Array) => void,
): Promise<void> => {
  for (const at of [192 * 1024, 256 * 1024]) await changeAt(file, at, 64 * 1024, change);
};

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

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
