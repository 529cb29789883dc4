import { u16le, u32le } from '../bytes/integers.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_FIRST = 0x184d2a50;
const SKIPPABLE_LAST = 0x184d2a5f;
/** A window below 1 KiB can't be written, whatever the content's size. */
export const SMALLEST_WINDOW = 1024;

/** One zstd frame as its headers describe it; nothing is decompressed. */
export interface ZstdFrame {
  /** Bytes of input from the magic to the frame's end. */
  readonly length: number;
  /** Content size, when the frame declares one. */
  readonly declaredSize: number | undefined;
  /** Bytes of history a decoder must keep. */
  readonly windowSize: number;
  /** A skippable frame holds no content. */
  readonly skippable: boolean;
}

/**
 * Find where a zstd frame ends by walking its block headers, three bytes each. Needed because what
 * follows a frame in a disk image (padding, the next cluster) must not reach the decoder: whether
 * zlib's one-shot call tolerates it depends on how full its output buffer happens to be.
 * @returns undefined when the bytes are no frame, or one that does not end within them
 * @see RFC 8878, 3.1.1
 */
export function zstdFrameAt(bytes: Uint8Array, at: number): ZstdFrame | undefined {
  const left = bytes.length - at;
  if (left < 8) return undefined;
  const magic = u32le(bytes, at);
  if (magic >= SKIPPABLE_FIRST && magic <= SKIPPABLE_LAST) {
    const length = 8 + u32le(bytes, at + 4);
    return length <= left ? { length, declaredSize: 0, windowSize: 0, skippable: true } : undefined;
  }
  if (magic !== MAGIC) return undefined;
  const header = frameHeader(bytes, at + 4);
  if (!header) return undefined;
  const end = blocksEnd(bytes, header.end);
  if (end === undefined) return undefined;
  const length = end + (header.hasChecksum ? 4 : 0) - at;
  if (length > left) return undefined;
  return { length, declaredSize: header.declaredSize, windowSize: header.windowSize, skippable: false };
}

/** Frame_Header: descriptor, window descriptor, dictionary id, content size. */
function frameHeader(bytes: Uint8Array, at: number) {
  const descriptor = bytes[at]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) return undefined; // reserved bit
  const idLength = [0, 1, 2, 4][descriptor & 3]!;
  const sizeLength = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  let next = at + 1;
  const windowByte = singleSegment ? undefined : bytes[next++];
  next += idLength;
  const end = next + sizeLength;
  if (end > bytes.length) return undefined;
  const declaredSize = contentSize(bytes, next, sizeLength);
  const windowSize = singleSegment ? (declaredSize ?? Infinity) : windowOf(windowByte!);
  return { end, declaredSize, windowSize, hasChecksum: (descriptor & 0x04) !== 0 };
}

function contentSize(bytes: Uint8Array, at: number, length: number): number | undefined {
  switch (length) {
    case 1:
      return bytes[at];
    case 2:
      return u16le(bytes, at) + 256;
    case 4:
      return u32le(bytes, at);
    case 8: // exact or too large for any unit: either way it compares right
      return u32le(bytes, at) + u32le(bytes, at + 4) * 2 ** 32;
    default:
      return undefined;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Offset behind the last block. Each step moves on by at least three bytes. */
function blocksEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at + 3 <= bytes.length;) {
    const header = bytes[at]! + bytes[at + 1]! * 256 + bytes[at + 2]! * 65_536;
    const kind = (header >>> 1) & 3; // 0 raw, 1 one byte repeated, 2 compressed, 3 reserved
    if (kind === 3) return undefined;
    at += 3 + (kind === 1 ? 1 : header >>> 3);
    if ((header & 1) === 1) return at <= bytes.length ? at : undefined;
  }
  return undefined;
}
