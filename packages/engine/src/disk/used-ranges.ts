import { limits } from '../limits.ts';

/** Intervals in one chunk of the sorted list; a full one is split. */
const CHUNK = 512;
const BYTES_PER_INTERVAL = 16;

interface Chunk {
  count: number;
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

const newChunk = (): Chunk => ({
  count: 0,
  starts: new Float64Array(CHUNK),
  ends: new Float64Array(CHUNK),
});

/**
 * Which bytes of a file are in use already: disjoint intervals, touching ones joined, so that a
 * second use of any byte is seen (hazards H7, H8, H10). Exact as long as the intervals fit the memory
 * budget (2 million of them: 128 GiB of separately packed 64 KiB units); beyond that one bit for a
 * granule of the file, set when a range covers the granule whole: small overlaps at the edges are
 * missed then, but none is seen where there is none.
 */
export class UsedRanges {
  readonly #fileSize: number;
  readonly #budgetBytes: number;
  #chunks: Chunk[] = [newChunk()];
  #map: GranuleMap | undefined;

  constructor(fileSize: number, budgetBytes: number = limits.duplicateMapBytes) {
    this.#fileSize = fileSize;
    this.#budgetBytes = budgetBytes;
  }

  /** False once the budget was met and small overlaps may be missed. */
  get exact(): boolean {
    return this.#map === undefined;
  }

  /**
   * Take [start, end) into use; an empty range is nothing.
   * @returns a byte that was in use before, or `undefined`; then the range is not taken
   */
  add(start: number, end: number): number | undefined {
    if (end <= start) return undefined;
    if (this.#map) return this.#map.add(start, end);
    const taken = this.#insert(start, end);
    if (taken === undefined && this.#chunks.length * CHUNK * BYTES_PER_INTERVAL > this.#budgetBytes) {
      this.#map = this.#toMap();
    }
    return taken;
  }

  #toMap(): GranuleMap {
    const map = new GranuleMap(this.#fileSize, this.#budgetBytes);
    for (const chunk of this.#chunks) {
      for (let i = 0; i < chunk.count; i++) map.add(chunk.starts[i]!, chunk.ends[i]!);
    }
    this.#chunks = [];
    return map;
  }

  #insert(start: number, end: number): number | undefined {
    const chunkIndex = this.#chunkOf(start);
    const chunk = this.#chunks[chunkIndex]!;
    const at = lastAtOrBefore(chunk, start); // −1 when none
    const next = this.#startBehind(chunkIndex, at);
    if (at >= 0 && chunk.ends[at]! > start) return start;
    if (next !== undefined && next < end) return next;
    if (at >= 0 && chunk.ends[at] === start) {
      chunk.ends[at] = end;
      return undefined;
    }
    if (at + 1 < chunk.count && chunk.starts[at + 1] === end) {
      chunk.starts[at + 1] = start;
      return undefined;
    }
    insertAt(chunk, at + 1, start, end);
    if (chunk.count === CHUNK) this.#split(chunkIndex);
    return undefined;
  }

  /** The chunk whose first interval starts at or before `start`, else the first chunk. */
  #chunkOf(start: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#chunks[middle]!.starts[0]! <= start) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #startBehind(chunkIndex: number, at: number): number | undefined {
    const chunk = this.#chunks[chunkIndex]!;
    if (at + 1 < chunk.count) return chunk.starts[at + 1];
    return this.#chunks[chunkIndex + 1]?.starts[0];
  }

  /** A chunk that grew at its end (ascending files) is kept full, others are halved. */
  #split(chunkIndex: number): void {
    const chunk = this.#chunks[chunkIndex]!;
    const keep = chunkIndex === this.#chunks.length - 1 ? CHUNK - 1 : CHUNK / 2;
    const behind = newChunk();
    behind.starts.set(chunk.starts.subarray(keep));
    behind.ends.set(chunk.ends.subarray(keep));
    behind.count = chunk.count - keep;
    chunk.count = keep;
    this.#chunks.splice(chunkIndex + 1, 0, behind);
  }
}

function lastAtOrBefore(chunk: Chunk, start: number): number {
  let low = -1;
  let high = chunk.count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (chunk.starts[middle]! <= start) low = middle;
    else high = middle - 1;
  }
  return low;
}

function insertAt(chunk: Chunk, at: number, start: number, end: number): void {
  chunk.starts.copyWithin(at + 1, at, chunk.count);
  chunk.ends.copyWithin(at + 1, at, chunk.count);
  chunk.starts[at] = start;
  chunk.ends[at] = end;
  chunk.count++;
}

/** One bit for each granule that some range covers whole. */
class GranuleMap {
  readonly #granule: number;
  readonly #bits: Uint8Array;

  constructor(fileSize: number, budgetBytes: number) {
    let granule = 512;
    while (fileSize / granule > budgetBytes * 8) granule *= 2;
    this.#granule = granule;
    this.#bits = new Uint8Array(Math.ceil(fileSize / granule / 8) + 1);
  }

  add(start: number, end: number): number | undefined {
    const first = Math.ceil(start / this.#granule);
    const behind = Math.min(Math.floor(end / this.#granule), this.#bits.length * 8);
    for (let g = first; g < behind; g++) {
      const byte = Math.floor(g / 8);
      const bit = 2 ** (g % 8);
      const before = this.#bits[byte]!;
      if ((before & bit) !== 0) return g * this.#granule;
      this.#bits[byte] = before | bit;
    }
    return undefined;
  }
}
