import zlib from 'node:zlib';
import { keptZstdEncoder, publicZstd } from './kept-encoder.ts';

/** How a layout's `encode` compresses one unit. */
export type PackKind = 'deflate-raw' | 'zlib' | 'zlib-sync' | 'zstd';

/**
 * Pack one unit as a stream of its own. The same bytes for the same input, level and zlib.
 * - `deflate-raw`: window of 4 KiB, as QCOW and QCOW2 want it
 * - `zlib`: RFC 1950
 * - `zlib-sync`: RFC 1950 that ends in a sync flush, no final block, no checksum (ZVHD2)
 * - `zstd`: one frame that declares its content's size
 * @returns the packed bytes; a view that the next call may overwrite
 * @param level of the codec; zstd 1–19, deflate 1–9
 */
export function pack(kind: PackKind, unit: Uint8Array, level: number): Uint8Array {
  const { constants } = zlib;
  switch (kind) {
    case 'deflate-raw':
      return zlib.deflateRawSync(unit, { level, windowBits: 12, chunkSize: Math.max(64, unit.length) });
    case 'zlib':
      return zlib.deflateSync(unit, { level, chunkSize: Math.max(64, unit.length) });
    case 'zlib-sync':
      return zlib.deflateSync(unit, {
        level,
        chunkSize: unit.length + 1024,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
    case 'zstd':
      return keptZstdEncoder(level)?.run(unit) ?? publicZstd(unit, level);
  }
}
