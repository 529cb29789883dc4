import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { u32le, u64le } from '../../bytes/integers.ts';
import { diskError } from '../../errors.ts';
import { BITMAP_SEGMENT, BLOCKS_PER_SEGMENT, UNIT } from './header.ts';

const ENTRY_BYTES = 16;
const PAGE_BYTES = 64 * 1024;
const format = 'zvhd2';

/** Where index and bitmap lie, checked against the file. */
export interface IndexPlaces {
  readonly indexOffset: number;
  readonly bitmapOffset: number;
  readonly blockCount: number;
  readonly storedBlocks: number;
  /** One entry for each block of the disk, not only for the stored ones. */
  readonly holdsZeroBlocks: boolean;
  /** Records end here: the header copy. */
  readonly recordsEnd: number;
}

/** What the index says about a stored block. */
export interface IndexEntry {
  readonly block: number;
  readonly offset: number;
  readonly paddedLength: number;
}

/**
 * The index and bitmap of a ZVHD2. In memory: one count for each 32 768 blocks, and while a walk
 * runs one segment of the bitmap and one page of the index.
 */
export class BlockIndex {
  readonly #file: RandomAccess;
  readonly #places: IndexPlaces;
  /** Stored blocks before each bitmap segment. */
  readonly #ranks: number[] = [];

  private constructor(file: RandomAccess, places: IndexPlaces) {
    this.#file = file;
    this.#places = places;
  }

  /** Read the bitmap once (4 KiB for each 64 GiB) and count it. @throws {DiskError} `disk-corrupt` */
  static async open(file: RandomAccess, places: IndexPlaces): Promise<BlockIndex> {
    const index = new BlockIndex(file, places);
    const segments = Math.ceil(places.blockCount / BLOCKS_PER_SEGMENT);
    let stored = 0;
    for (let segment = 0; segment < segments; segment++) {
      index.#ranks.push(stored);
      const bits = await index.#bitmap(segment);
      for (const byte of bits) if (byte !== 0) stored += bitsIn(byte);
      const left = places.blockCount - segment * BLOCKS_PER_SEGMENT;
      if (left < BLOCKS_PER_SEGMENT) index.#requireClear(bits, left);
    }
    if (stored !== places.storedBlocks) {
      const fact = `the bitmap has ${stored} stored blocks, the header says ${places.storedBlocks}`;
      throw diskError(
        'disk-corrupt',
        { format, field: 'non_zero_blocks', offset: file.size - UNIT + 136 },
        fact,
      );
    }
    return index;
  }

  /** Stored blocks from `first` on, in order. @throws {DiskError} `disk-corrupt` at an entry that breaks a rule */
  async *stored(first: number): AsyncGenerator<IndexEntry> {
    const page = new IndexPage(this.#file, this.#places.indexOffset);
    let end = UNIT;
    for (let segment = Math.floor(first / BLOCKS_PER_SEGMENT); segment < this.#ranks.length; segment++) {
      const bits = await this.#bitmap(segment);
      let rank = this.#ranks[segment]!;
      for (let byte = 0; byte < bits.length; byte++) {
        if (bits[byte] === 0) continue;
        for (let bit = 0; bit < 8; bit++) {
          if ((bits[byte]! & (1 << bit)) === 0) continue;
          const block = segment * BLOCKS_PER_SEGMENT + byte * 8 + bit;
          const number = this.#places.holdsZeroBlocks ? block : rank;
          rank++;
          if (block < first) continue;
          const entry = this.#checked(await page.entry(number), number, block, end);
          end = entry.offset + entry.paddedLength;
          yield entry;
        }
      }
    }
  }

  /** The entry that decides about a block, if it is stored. */
  async entryOf(block: number): Promise<{ field: string; offset: number } | undefined> {
    const segment = Math.floor(block / BLOCKS_PER_SEGMENT);
    if (segment >= this.#ranks.length) return undefined;
    const bits = await this.#bitmap(segment);
    const within = block % BLOCKS_PER_SEGMENT;
    if ((bits[within >>> 3]! & (1 << (within & 7))) === 0) return undefined;
    let rank = this.#ranks[segment]!;
    for (let i = 0; i < within; i++) if ((bits[i >>> 3]! & (1 << (i & 7))) !== 0) rank++;
    return this.#entryPlace(this.#places.holdsZeroBlocks ? block : rank);
  }

  #entryPlace(number: number): { field: string; offset: number } {
    return { field: `index[${number}]`, offset: this.#places.indexOffset + number * ENTRY_BYTES };
  }

  #bitmap(segment: number): Promise<Uint8Array> {
    return readBytes(this.#file, this.#places.bitmapOffset + segment * BITMAP_SEGMENT, BITMAP_SEGMENT);
  }

  #requireClear(bits: Uint8Array, from: number): void {
    for (let i = from; i < BLOCKS_PER_SEGMENT; i++) {
      if ((bits[i >>> 3]! & (1 << (i & 7))) === 0) continue;
      const where = { format, field: 'bitmap', offset: this.#places.bitmapOffset, value: i };
      throw diskError(
        'disk-corrupt',
        where,
        `a bit is set behind the last of ${this.#places.blockCount} blocks`,
      );
    }
  }

  #checked(bytes: Uint8Array, number: number, block: number, after: number): IndexEntry {
    const place = this.#entryPlace(number);
    const refuse = (fact: string): Error => diskError('disk-corrupt', { format, ...place }, fact);
    const offset = u64le(bytes, 0);
    const said = u32le(bytes, 8);
    const paddedLength = u32le(bytes, 12);
    if (said !== block) throw refuse(`the entry is about block ${said}, the bitmap about block ${block}`);
    if (offset === undefined || offset % UNIT !== 0) throw refuse(`block ${block} does not start on ${UNIT}`);
    if (paddedLength === 0 || paddedLength % UNIT !== 0) {
      throw refuse(`block ${block} has a length of ${paddedLength}, no multiple of ${UNIT}`);
    }
    if (offset < after)
      throw refuse(`block ${block} starts at byte ${offset}, the one before ends at ${after}`);
    const { recordsEnd } = this.#places;
    if (offset > recordsEnd - paddedLength) {
      throw refuse(`block ${block} ends at byte ${offset + paddedLength}, the blocks end at ${recordsEnd}`);
    }
    return { block, offset, paddedLength };
  }
}

/** One page of the index at a time. */
class IndexPage {
  readonly #file: RandomAccess;
  readonly #indexOffset: number;
  #start = -1;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: RandomAccess, indexOffset: number) {
    this.#file = file;
    this.#indexOffset = indexOffset;
  }

  async entry(number: number): Promise<Uint8Array> {
    const at = number * ENTRY_BYTES;
    const start = at - (at % PAGE_BYTES);
    if (start !== this.#start) {
      // A segment is a multiple of the page, so a page of entries lies whole in the index.
      this.#bytes = await readBytes(this.#file, this.#indexOffset + start, PAGE_BYTES);
      this.#start = start;
    }
    return this.#bytes.subarray(at - start, at - start + ENTRY_BYTES);
  }
}

function bitsIn(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
