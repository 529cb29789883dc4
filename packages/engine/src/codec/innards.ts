/**
 * What a stream object of `node:zlib` has inside: not public, used behind self-tests only
 * (`kept-handle.ts`, `kept-encoder.ts`), with the public calls as fallback.
 */
export interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  reset(): void;
  close(): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
}

export interface Innards {
  readonly _handle: Handle;
  /** After a write: bytes of output room left, bytes of input left. */
  readonly _writeState: Uint32Array;
}

/** @param fail told of an error that a write meets, before the write returns */
export function innardsOf(stream: unknown, fail: (fault: string) => void): Innards {
  const innards = stream as Innards;
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a field, not an event target
  innards._handle.onerror = (message, _errno, code) => fail(`${code}: ${message}`);
  return innards;
}
