import type { Sink } from '../access/sink.ts';
import type { Disk } from '../disk/disk.ts';
import { GuestReader } from '../disk/reader.ts';
import type { Layout, PlacedRun } from './layout.ts';
import { GroupCursor, groupBytes, type Group } from './plan.ts';
import type { Ticket } from './ticket.ts';
import { zeroTest } from './zero.ts';

/** What a lane tells about a claim that it has written. */
export interface GroupDone {
  /** The claim: guest groups [from, next). */
  readonly from: number;
  readonly next: number;
  /** First byte of the output behind this group's bytes. */
  readonly fileEnd: number;
  readonly dataBytes: number;
  readonly writtenBytes: number;
  /** Empty with `guest` placing, where a unit's place follows from its number. */
  readonly runs: readonly PlacedRun[];
}

export interface LaneOptions {
  readonly disk: Disk;
  readonly layout: Layout;
  readonly sink: Sink;
  readonly ticket: Ticket;
  report(done: GroupDone): void;
}

/**
 * One lane of the mover: claims groups until none is left, reads a group, drops its zero units,
 * encodes the others, gets their place, writes them with few calls. Several lanes run side by side
 * over one ticket. Memory: a group's guest bytes, its packed input and its output.
 * Returns when nothing is left or the ticket was stopped; an error stops all lanes.
 * @throws what the source, a codec or the sink throws
 */
export async function runLane(options: LaneOptions): Promise<void> {
  const { disk, layout, ticket } = options;
  try {
    const mover = new GroupMover(options);
    const cursor = new GroupCursor(disk, groupBytes(disk, layout), ticket.next());
    while (!ticket.stopped) {
      const from = ticket.next();
      const group = await cursor.next(from);
      if (!group) return;
      if (!ticket.claim(from, group.number)) continue;
      const done = await mover.move(from, group);
      if (!done) return;
      options.report(done);
    }
  } catch (error) {
    ticket.stop();
    throw error;
  }
}

class GroupMover {
  readonly #layout: Layout;
  readonly #sink: Sink;
  readonly #ticket: Ticket;
  readonly #reader: GuestReader;
  readonly #guest: Uint8Array;
  readonly #arena = new Arena();
  readonly #isZero: (from: number, to: number) => boolean;

  constructor({ disk, layout, sink, ticket }: LaneOptions) {
    this.#layout = layout;
    this.#sink = sink;
    this.#ticket = ticket;
    this.#reader = new GuestReader(disk);
    this.#guest = new Uint8Array(groupBytes(disk, layout));
    this.#isZero = zeroTest(this.#guest, layout.unitSize);
  }

  /** @returns undefined when the ticket was stopped meanwhile */
  async move(from: number, group: Group): Promise<GroupDone | undefined> {
    const { unitSize, placing } = this.#layout;
    const length = Math.ceil(group.length / unitSize) * unitSize;
    await this.#reader.readExtents(group.extents, group.guestOffset, this.#guest.subarray(0, length));
    const units: number[] = [];
    for (let at = 0; at < length; at += unitSize) if (!this.#isZero(at, at + unitSize)) units.push(at);
    const written =
      placing === 'guest' ? await this.#writeInPlace(group, units) : await this.#append(from, group, units);
    return written && { from, next: group.number + 1, dataBytes: group.dataBytes, ...written };
  }

  /** Unit u lies at its own place: each run of non-zero units is one write. */
  async #writeInPlace(group: Group, units: readonly number[]): Promise<Written> {
    const { unitSize, dataOffset, virtualSize, cutLast } = this.#layout;
    const base = dataOffset + group.guestOffset;
    const limit = cutLast ? virtualSize - group.guestOffset : Infinity;
    let fileEnd = 0;
    let writtenBytes = 0;
    for (let i = 0; i < units.length;) {
      const start = units[i]!;
      let end = start;
      for (; units[i] === end; i++) end += unitSize;
      const bytes = this.#guest.subarray(start, Math.min(end, limit));
      await this.#sink.write(base + start, bytes);
      writtenBytes += bytes.length;
      fileEnd = base + start + bytes.length;
    }
    return { fileEnd, writtenBytes, runs: [] };
  }

  /** Units follow each other: encode, wait for the place, write all of the group at once. */
  async #append(from: number, group: Group, units: readonly number[]): Promise<Written | undefined> {
    const { plain, unitSize, alignment } = this.#layout;
    const isDense = plain && unitSize % alignment === 0;
    const output = isDense ? this.#gather(units) : this.#encode(group, units);
    const place = await this.#ticket.place(from, group.number, output.bytes.length);
    if (place === undefined) return undefined;
    if (output.bytes.length > 0) await this.#sink.write(place, output.bytes);
    const firstUnit = group.guestOffset / unitSize;
    const runs = output.pieces.map(({ unit, offset, length, count }) => ({
      firstUnit: firstUnit + unit,
      count,
      fileOffset: place + offset,
      unitLength: length,
    }));
    return { fileEnd: place + output.bytes.length, writtenBytes: output.bytes.length, runs };
  }

  /** Plain units: move those that are left together, in place. */
  #gather(units: readonly number[]): Output {
    const { unitSize } = this.#layout;
    const pieces: Piece[] = [];
    let length = 0;
    for (const at of units) {
      if (at !== length) this.#guest.copyWithin(length, at, at + unitSize);
      const last = pieces.at(-1);
      if (last && last.unit + last.count === at / unitSize) last.count++;
      else pieces.push({ unit: at / unitSize, offset: length, length: unitSize, count: 1 });
      length += unitSize;
    }
    return { bytes: this.#guest.subarray(0, length), pieces };
  }

  /** Encoded units behind each other, each on the layout's alignment, zeros between. */
  #encode(group: Group, units: readonly number[]): Output {
    const { unitSize, alignment } = this.#layout;
    const first = group.guestOffset / unitSize;
    const pieces: Piece[] = [];
    let end = 0;
    for (const at of units) {
      const offset = Math.ceil(end / alignment) * alignment;
      const guest = this.#guest.subarray(at, at + unitSize);
      const bytes = this.#layout.encode(first + at / unitSize, guest, (size) => this.#arena.at(offset, size));
      this.#arena.put(offset, bytes);
      this.#arena.clear(end, offset);
      pieces.push({ unit: at / unitSize, offset, length: bytes.length, count: 1 });
      end = offset + bytes.length;
    }
    return { bytes: this.#arena.at(0, end), pieces };
  }
}

/** The output of one group, in memory that is used again for the next. */
class Arena {
  #bytes = new Uint8Array(0);

  /** Room that the caller fills. Earlier views are of no use once it has grown. */
  at(offset: number, length: number): Uint8Array {
    const needed = offset + length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return this.#bytes.subarray(offset, needed);
  }

  /** Copy `bytes` to `offset`, unless they were made there. */
  put(offset: number, bytes: Uint8Array): void {
    const room = this.at(offset, bytes.length);
    if (bytes.buffer !== room.buffer || bytes.byteOffset !== room.byteOffset) room.set(bytes);
  }

  clear(from: number, to: number): void {
    if (to > from) this.at(from, to - from).fill(0);
  }
}

type Written = Pick<GroupDone, 'fileEnd' | 'writtenBytes' | 'runs'>;
/** Units of a group, by their number in it, and where they lie in the group's output. */
interface Piece {
  readonly unit: number;
  readonly offset: number;
  readonly length: number;
  count: number;
}
interface Output {
  readonly bytes: Uint8Array;
  readonly pieces: readonly Piece[];
}
