import { readBytes } from '../../access/read.ts';
import { unpack } from '../../codec/unpack.ts';
import type { StreamWindows } from '../../disk/disk.ts';
import { BLOCK_BYTES } from './header.ts';
import type { NumberedRecord, RecordWalk } from './walk.ts';

const WINDOW_BYTES = 32 * 1024;
/** Windows kept at most: 8 MiB. */
const MOST_WINDOWS = 256;

/**
 * The windows of ZVHD's one stream: a record goes on where the record before ended, so it unpacks
 * with the last 32 KiB of that one's output. Keeps the newest window and one each few records;
 * asked for another, it unpacks from the nearest kept one on.
 */
export class ZvhdWindows implements StreamWindows {
  readonly #walk: RecordWalk;
  /** By record number, ascending. */
  #kept: { number: number; bytes: Uint8Array }[] = [];
  #newest: { number: number; bytes: Uint8Array } | undefined;
  #stride = 16;
  /** Output of the records that are only passed. */
  #scratch: Uint8Array | undefined;

  constructor(walk: RecordWalk) {
    this.#walk = walk;
  }

  async before(record: number): Promise<Uint8Array | undefined> {
    if (record === 0) return undefined;
    const wanted = record - 1;
    const start = this.#nearest(wanted);
    let window = start?.bytes;
    const first = (start?.number ?? -1) + 1;
    if (first > wanted) return window;
    for await (const passed of this.#walk.fromNumber(first)) {
      window = await this.#pass(passed, window);
      if (passed.number === wanted) break;
    }
    return window;
  }

  keep(record: number, unpacked: Uint8Array): void {
    const bytes = unpacked.slice(-WINDOW_BYTES);
    this.#newest = { number: record, bytes };
    const last = this.#kept.at(-1);
    if (record < (last ? last.number + this.#stride : 0)) return;
    this.#kept.push({ number: record, bytes });
    if (this.#kept.length <= MOST_WINDOWS) return;
    this.#stride *= 2;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
  }

  #nearest(wanted: number): { number: number; bytes: Uint8Array } | undefined {
    const kept = this.#kept.findLast(({ number }) => number <= wanted);
    const newest = this.#newest;
    return newest && newest.number <= wanted && newest.number >= (kept?.number ?? 0) ? newest : kept;
  }

  async #pass(record: NumberedRecord, window: Uint8Array | undefined): Promise<Uint8Array> {
    const target = (this.#scratch ??= new Uint8Array(BLOCK_BYTES));
    const packed = await readBytes(this.#walk.file, record.packedOffset, record.packedLength);
    const where = { format: 'zvhd', offset: record.packedOffset };
    unpack({ kind: 'zvhd-stream', packed, target, window, where });
    this.keep(record.number, target);
    return target.slice(-WINDOW_BYTES);
  }
}
