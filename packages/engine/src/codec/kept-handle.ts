import zlib from 'node:zlib';
import { innardsOf, type Innards } from './innards.ts';

/**
 * A decompressor that is kept from unit to unit. Node's one-shot calls make a new context and a
 * new output buffer for each unit; the context behind a stream object can be reset and given its
 * input and output directly, which takes a fifth (deflate) to two fifths (zstd) off the time.
 * `_handle` is not public, so `keptDecoder` tests it first and answers undefined where it fails;
 * the caller then uses the public calls.
 */
export interface KeptDecoder {
  /**
   * Decompress one stream from its start into `target`, which bounds the output.
   * @returns bytes written to `target`, and whether the stream holds more than fits
   * @throws {Error} on broken data; the decoder stays usable
   */
  run(packed: Uint8Array, target: Uint8Array): { written: number; more: boolean };
}

export type KeptKind = 'deflate-raw' | 'zlib' | 'zstd';
const cache = new Map<KeptKind, KeptDecoder | undefined>();

/** The kept decoder of this thread, or undefined where Node's innards are not as expected. */
export function keptDecoder(kind: KeptKind): KeptDecoder | undefined {
  if (!cache.has(kind)) cache.set(kind, tested(kind));
  return cache.get(kind);
}

function createStream(kind: KeptKind): unknown {
  const options = { chunkSize: 64 };
  if (kind === 'zstd') return zlib.createZstdDecompress(options);
  return kind === 'zlib' ? zlib.createInflate(options) : zlib.createInflateRaw(options);
}

class HandleDecoder implements KeptDecoder {
  readonly #kind: KeptKind;
  readonly #flush: number;
  readonly #spare = new Uint8Array(1);
  #stream: Innards;
  #fault: string | undefined;

  constructor(kind: KeptKind) {
    this.#kind = kind;
    this.#flush = kind === 'zstd' ? zlib.constants.ZSTD_e_continue : zlib.constants.Z_SYNC_FLUSH;
    this.#stream = this.#open();
  }

  run(packed: Uint8Array, target: Uint8Array): { written: number; more: boolean } {
    this.#stream._handle.reset();
    let written = 0;
    let from = 0;
    for (;;) {
      const made = this.#step(packed, from, target, written);
      const taken = packed.length - from - this.#stream._writeState[1]!;
      from += taken;
      written += made;
      const stuck = made === 0 && taken === 0;
      if (written === target.length || from === packed.length || stuck) break;
    }
    // The room is full: does the stream stop here too? One byte of room more tells.
    const more = written === target.length && this.#step(packed, from, this.#spare, 0) > 0;
    return { written, more };
  }

  #step(packed: Uint8Array, from: number, target: Uint8Array, at: number): number {
    const { _handle: handle, _writeState: state } = this.#stream;
    handle.writeSync(this.#flush, packed, from, packed.length - from, target, at, target.length - at);
    const fault = this.#fault;
    if (fault !== undefined) {
      // The zstd context reports an error again after a reset: start with a new one.
      handle.close();
      this.#fault = undefined;
      this.#stream = this.#open();
      throw new Error(fault);
    }
    return target.length - at - state[0]!;
  }

  #open(): Innards {
    return innardsOf(createStream(this.#kind), (fault) => {
      this.#fault = fault;
    });
  }
}

/** Build one and see that it does what this file relies on. */
function tested(kind: KeptKind): KeptDecoder | undefined {
  try {
    const plain = new Uint8Array(5000).map((_, i) => (i * i) >>> 3);
    const packed =
      kind === 'zstd'
        ? zlib.zstdCompressSync(plain)
        : kind === 'zlib'
          ? zlib.deflateSync(plain)
          : zlib.deflateRawSync(plain);
    const decoder = new HandleDecoder(kind);
    const target = new Uint8Array(plain.length);
    const right = (): boolean => {
      const { written, more } = decoder.run(packed, target.fill(0));
      return written === plain.length && !more && Buffer.compare(target, plain) === 0;
    };
    if (!right() || !decoder.run(packed, new Uint8Array(plain.length - 1)).more) return undefined;
    const broken = Uint8Array.from(packed).fill(0xff, 0, 40);
    try {
      decoder.run(broken, target);
      return undefined;
    } catch {
      return right() ? decoder : undefined;
    }
  } catch {
    return undefined;
  }
}
