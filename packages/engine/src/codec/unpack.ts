import zlib from 'node:zlib';
import type { Codec } from '../disk/disk.ts';
import { diskError, type DiskErrorWhere } from '../errors.ts';
import { keptDecoder, type KeptKind } from './kept-handle.ts';
import { SMALLEST_WINDOW, zstdFrameAt } from './zstd-frame.ts';

/** One packed unit of a disk image. */
export interface PackedUnit {
  readonly kind: Codec['kind'];
  /** Compressed bytes; what follows the stream's end is not looked at. */
  readonly packed: Uint8Array;
  /** The unit's room: never more than this is written. */
  readonly target: Uint8Array;
  /** Fewest bytes that must come out; default all of `target`. */
  readonly atLeast?: number;
  /** The frame must declare its content's size (zstd). */
  readonly declared?: boolean;
  /** The 32 KiB before the unit, for a stream that continues (zvhd). */
  readonly window?: Uint8Array | undefined;
  /** For the error. */
  readonly where: DiskErrorWhere;
}

/**
 * Unpack exactly one unit (hazard H6: the output is bounded, not the ratio).
 * Synchronous: a unit of 2 MiB takes about 2 ms; runs in worker threads.
 * @returns bytes written
 * @throws {DiskError} `disk-corrupt`: broken data, fewer bytes than `atLeast`, or more than fit
 */
export function unpack(unit: PackedUnit): number {
  const atLeast = unit.atLeast ?? unit.target.length;
  const written = decode(unit);
  if (written < atLeast) {
    throw corrupt(unit, `a packed unit expands to ${written} bytes instead of ${unit.target.length}`);
  }
  return written;
}

function decode(unit: PackedUnit): number {
  switch (unit.kind) {
    case 'deflate-raw':
    case 'zlib':
    case 'zlib-sync':
      return inflate(unit, unit.kind === 'deflate-raw' ? 'deflate-raw' : 'zlib', unit.packed, unit.target);
    case 'zstd':
      return zstd(unit);
    case 'zvhd-stream':
      return continued(unit);
  }
}

function inflate(unit: PackedUnit, kind: KeptKind, packed: Uint8Array, target: Uint8Array): number {
  const kept = keptDecoder(kind);
  if (!kept) return publicInflate(unit, kind, packed, target);
  try {
    const { written, more } = kept.run(packed, target);
    if (more) throw tooLong(unit);
    return written;
  } catch (error) {
    throw asDiskError(unit, error);
  }
}

/** The public form of the same; exported so that tests hold both to the same rules. */
export function publicInflate(
  unit: PackedUnit,
  kind: KeptKind,
  packed: Uint8Array,
  target: Uint8Array,
  dictionary?: Uint8Array,
): number {
  const options = { chunkSize: Math.max(64, target.length), maxOutputLength: target.length };
  // A sync flush at the end: a stream may lack its end mark once the unit is full.
  const finishFlush = zlib.constants.Z_SYNC_FLUSH;
  try {
    const bytes =
      kind === 'zstd'
        ? zlib.zstdDecompressSync(packed, options)
        : kind === 'zlib'
          ? zlib.inflateSync(packed, { ...options, finishFlush })
          : zlib.inflateRawSync(packed, { ...options, finishFlush, ...(dictionary && { dictionary }) });
    target.set(bytes);
    return bytes.length;
  } catch (error) {
    throw asDiskError(unit, error);
  }
}

/** One frame or several, until the unit is full; padding behind them is normal. */
function zstd(unit: PackedUnit): number {
  let written = 0;
  for (let at = 0; at < unit.packed.length && written < unit.target.length;) {
    const frame = zstdFrameAt(unit.packed, at);
    if (!frame) break;
    const room = unit.target.subarray(written);
    checkFrame(unit, frame, room.length);
    const packed = unit.packed.subarray(at, at + frame.length);
    if (!frame.skippable) written += inflate(unit, 'zstd', packed, room);
    at += frame.length;
  }
  if (written === 0) throw corrupt(unit, 'a packed unit holds no whole zstd frame');
  return written;
}

function checkFrame(
  unit: PackedUnit,
  frame: NonNullable<ReturnType<typeof zstdFrameAt>>,
  room: number,
): void {
  if (frame.skippable) return;
  const { declaredSize, windowSize } = frame;
  const size = unit.target.length;
  if (
    declaredSize === undefined
      ? unit.declared
      : declaredSize > room || (unit.declared && declaredSize !== size)
  ) {
    throw corrupt(unit, `a zstd frame declares ${declaredSize ?? 'no'} bytes, the unit has ${size}`);
  }
  if (windowSize > Math.max(size, SMALLEST_WINDOW)) {
    throw corrupt(unit, `a zstd frame wants a window of ${windowSize} bytes for a unit of ${size}`);
  }
}

/**
 * A record of ZVHD's one stream: raw deflate that continues after `window`; the first record has
 * the zlib header. One that fails as a continuation may be a stream of its own.
 */
function continued(unit: PackedUnit): number {
  const { packed, target, window } = unit;
  const hasHeader = isZlibHeader(packed);
  if (!window) {
    if (!hasHeader) throw corrupt(unit, 'the first record does not start a zlib stream');
    return inflate(unit, 'zlib', packed, target);
  }
  try {
    const written = publicInflate(unit, 'deflate-raw', packed, target, window);
    if (written === target.length || !hasHeader) return written;
  } catch (error) {
    if (!hasHeader) throw error;
  }
  return inflate(unit, 'zlib', packed, target);
}

/** RFC 1950: method 8, window up to 32 KiB, no preset dictionary, check bits right. */
function isZlibHeader(packed: Uint8Array): boolean {
  if (packed.length < 2) return false;
  const [method, flags] = [packed[0]!, packed[1]!];
  return (
    (method & 15) === 8 && method >>> 4 <= 7 && (flags & 0x20) === 0 && (method * 256 + flags) % 31 === 0
  );
}

const corrupt = (unit: PackedUnit, fact: string, cause?: unknown): Error =>
  diskError('disk-corrupt', unit.where, fact, 'check the file with the program that wrote it', { cause });

const tooLong = (unit: PackedUnit): Error =>
  corrupt(unit, `a packed unit expands to more than ${unit.target.length} bytes`);

function asDiskError(unit: PackedUnit, error: unknown): unknown {
  if (!(error instanceof Error) || 'kind' in error) return error;
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLong(unit);
  return corrupt(unit, "a packed unit can't be expanded", error);
}
