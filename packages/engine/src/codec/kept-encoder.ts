import zlib from 'node:zlib';
import { innardsOf, type Innards } from './innards.ts';

/** Most bytes that zstd makes of `length` (its own ZSTD_compressBound). */
export const zstdBound = (length: number): number =>
  length + Math.floor(length / 256) + Math.max(0, (128 * 1024 - length) >>> 11) + 64;

/**
 * A zstd compressor that is kept from unit to unit: a fifth faster than a new context for each,
 * and byte for byte the same as the public call with an output chunk that holds the whole frame.
 * It is never reset, since a reset makes Node 24 forget the level: when a frame is ended, the next
 * one begins by itself.
 */
export interface KeptEncoder {
  /** @returns one frame; a view that the next call overwrites */
  run(unit: Uint8Array): Uint8Array;
}

const cache = new Map<number, KeptEncoder | undefined>();

/** The kept encoder of this thread and level, or undefined where Node's innards are not as expected. */
export function keptZstdEncoder(level: number): KeptEncoder | undefined {
  if (!cache.has(level)) cache.set(level, tested(level));
  return cache.get(level);
}

/** The public form; the same bytes. */
export function publicZstd(unit: Uint8Array, level: number): Uint8Array {
  return zlib.zstdCompressSync(unit, {
    chunkSize: zstdBound(unit.length),
    params: { [zlib.constants.ZSTD_c_compressionLevel]: level },
  });
}

class HandleEncoder implements KeptEncoder {
  readonly #stream: Innards;
  #fault: string | undefined;
  #output = new Uint8Array(0);

  constructor(level: number) {
    const params = { [zlib.constants.ZSTD_c_compressionLevel]: level };
    this.#stream = innardsOf(zlib.createZstdCompress({ chunkSize: 64, params }), (fault) => {
      this.#fault = fault;
    });
  }

  run(unit: Uint8Array): Uint8Array {
    const room = zstdBound(unit.length);
    if (this.#output.length < room) this.#output = new Uint8Array(room);
    const { _handle: handle, _writeState: state } = this.#stream;
    handle.writeSync(zlib.constants.ZSTD_e_end, unit, 0, unit.length, this.#output, 0, room);
    if (this.#fault !== undefined || state[1] !== 0)
      throw new Error(this.#fault ?? 'zstd took only part of a unit');
    return this.#output.subarray(0, room - state[0]!);
  }
}

/** Build one and see that it does what this file relies on, twice. */
function tested(level: number): KeptEncoder | undefined {
  try {
    const encoder = new HandleEncoder(level);
    for (const length of [70_000, 5000]) {
      const plain = Uint8Array.from({ length }, (_, i) => (i * i) >>> 5);
      if (Buffer.compare(encoder.run(plain), publicZstd(plain, level)) !== 0) return undefined;
    }
    return encoder;
  } catch {
    return undefined;
  }
}
