import { SparseMemory } from '../../access/sparse-memory.ts';
import { ceilDiv, roundUp } from '../../bytes/align.ts';
import { putU16be, putU32be, putU64be } from '../../bytes/integers.ts';

/** What a test wants to be different from a small honest disk. */
export interface VhdShape {
  readonly type?: number;
  readonly currentSize?: number;
  readonly creator?: string;
  readonly geometry?: readonly [cylinders: number, heads: number, sectors: number];
  readonly blockSize?: number;
  /** Stored blocks, in the order in which they lie in the file, and the byte that fills each. */
  readonly blocks?: readonly (readonly [block: number, fill: number])[];
}

export interface BuiltVhd {
  readonly file: SparseMemory;
  readonly batOffset: number;
  readonly dataOffset: number;
  /** Bytes from one stored block to the next: bitmap and data. */
  readonly blockStride: number;
  /** Offset of the footer at the end. */
  readonly footerAt: number;
}

const LARGEST = [65_535, 16, 255] as const;

/** 512 bytes of footer with a right checksum, by the specification alone. */
export function footerBytes(shape: VhdShape = {}): Uint8Array {
  const { type = 3, currentSize = 24_117_760, creator = 'win ', geometry = LARGEST } = shape;
  const bytes = new Uint8Array(512);
  bytes.set(new TextEncoder().encode('conectix'), 0);
  putU32be(bytes, 8, 2);
  putU32be(bytes, 12, 0x1_0000);
  if (type === 2) bytes.fill(0xff, 16, 24);
  else putU64be(bytes, 16, 512);
  bytes.set(new TextEncoder().encode(creator), 28);
  bytes.set(new TextEncoder().encode('Wi2k'), 36);
  putU64be(bytes, 40, currentSize);
  putU64be(bytes, 48, currentSize);
  putU16be(bytes, 56, geometry[0]);
  bytes[58] = geometry[1];
  bytes[59] = geometry[2];
  putU32be(bytes, 60, type);
  bytes.fill(0xa5, 68, 84);
  return summed(bytes, 64);
}

/** The same bytes with a right checksum at `at`. */
export function summed(bytes: Uint8Array, at: number): Uint8Array {
  putU32be(bytes, at, 0);
  putU32be(bytes, at, ~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0);
  return bytes;
}

function dynamicHeaderBytes(entries: number, blockSize: number): Uint8Array {
  const bytes = new Uint8Array(1024);
  bytes.set(new TextEncoder().encode('cxsparse'), 0);
  bytes.fill(0xff, 8, 16);
  putU64be(bytes, 16, 1536);
  putU32be(bytes, 24, 0x1_0000);
  putU32be(bytes, 28, entries);
  putU32be(bytes, 32, blockSize);
  return summed(bytes, 36);
}

/** footer copy | dynamic header at 512 | BAT at 1536 | blocks | footer */
export function buildDynamic(shape: VhdShape = {}): BuiltVhd {
  const {
    currentSize = 24_117_760,
    blockSize = 2 * 1024 * 1024,
    blocks = [
      [0, 0x11],
      [3, 0x33],
    ],
  } = shape;
  const entries = ceilDiv(currentSize, blockSize);
  const bitmap = roundUp(ceilDiv(blockSize, 4096), 512);
  const batBytes = roundUp(4 * entries, 512);
  const dataOffset = 1536 + batBytes;
  const blockStride = bitmap + blockSize;
  const file = new SparseMemory();
  file.put(0, footerBytes(shape)).put(512, dynamicHeaderBytes(entries, blockSize));
  file.put(1536, new Uint8Array(batBytes).fill(0xff));
  blocks.forEach(([block, fill], i) => {
    const at = dataOffset + i * blockStride;
    file.put(1536 + 4 * block, u32(at / 512));
    file.put(at, new Uint8Array(bitmap).fill(0xff)).put(at + bitmap, new Uint8Array(blockSize).fill(fill));
  });
  const footerAt = file.size;
  file.put(footerAt, footerBytes(shape));
  return { file, batOffset: 1536, dataOffset, blockStride, footerAt };
}

/** Raw data, each sector filled with its number, and a footer. */
export function buildFixed(
  shape: VhdShape = {},
  dataBytes: number = shape.currentSize ?? 8192,
): SparseMemory {
  const file = new SparseMemory();
  for (let at = 0; at < dataBytes; at += 512) {
    file.put(at, new Uint8Array(Math.min(512, dataBytes - at)).fill(((at / 512) % 255) + 1));
  }
  return file.put(dataBytes, footerBytes({ currentSize: 8192, ...shape, type: shape.type ?? 2 }));
}

/** Change both footers of a dynamic disk and sum them again. */
export async function changeFooters(built: BuiltVhd, change: (footer: Uint8Array) => void): Promise<void> {
  for (const at of [0, built.footerAt]) await changeAt(built.file, { at, length: 512, sumAt: 64 }, change);
}

/** Change the dynamic header and sum it again. */
export const changeHeader = (built: BuiltVhd, change: (header: Uint8Array) => void): Promise<void> =>
  changeAt(built.file, { at: 512, length: 1024, sumAt: 36 }, change);

export async function changeAt(
  file: SparseMemory,
  place: { at: number; length: number; sumAt: number },
  change: (bytes: Uint8Array) => void,
): Promise<void> {
  const bytes = new Uint8Array(place.length);
  await file.read(place.at, bytes);
  change(bytes);
  file.put(place.at, summed(bytes, place.sumAt));
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32be(bytes, 0, value);
  return bytes;
}
