import type { GroupDone } from './lane.ts';
import type { Layout, PlacedRun } from './layout.ts';
import { RunList } from './runs.ts';

/** A durable point of a conversion: what is needed to go on after a crash. */
export interface ConversionMark {
  /** Every group of units before this one is written. */
  readonly groupsDone: number;
  /** First free byte of the output. */
  readonly fileEnd: number;
  /** Guest data bytes read so far. */
  readonly dataBytesDone: number;
  /** Runs placed since the mark before (all of them, when given to `resume`). */
  readonly placed: readonly PlacedRun[];
}

/** What the frontier needs of a layout; crosses threads. */
export type LayoutShape = Pick<Layout, 'placing' | 'dataOffset' | 'virtualSize'>;

/** How far a conversion has come without a gap, from what its lanes report in any order. */
export class Frontier {
  readonly runs = new RunList();
  readonly #layout: LayoutShape;
  readonly #groupBytes: number;
  readonly #early = new Map<number, GroupDone>();
  #groupsDone: number;
  #fileEnd: number;
  #dataBytes: number;
  #reportedBytes: number;
  #written = 0;
  #markedRuns: number;

  constructor(layout: LayoutShape, groupBytes: number, resume: ConversionMark | undefined) {
    this.#layout = layout;
    this.#groupBytes = groupBytes;
    this.#groupsDone = resume?.groupsDone ?? 0;
    this.#fileEnd = resume?.fileEnd ?? layout.dataOffset;
    this.#dataBytes = this.#reportedBytes = resume?.dataBytesDone ?? 0;
    this.runs.add(resume?.placed ?? []);
    this.#markedRuns = this.runs.count;
  }

  get groupsDone(): number {
    return this.#groupsDone;
  }
  get fileEnd(): number {
    return this.#fileEnd;
  }
  /** Guest data bytes read by all claims reported, also those ahead of a gap. */
  get dataBytes(): number {
    return this.#reportedBytes;
  }
  /** Bytes written before the frontier in this run. */
  get writtenBytes(): number {
    return this.#written;
  }
  /** True when a claim has been reported whose predecessor has not. */
  get hasGap(): boolean {
    return this.#early.size > 0;
  }

  /** Bytes [0, finalBytes) of the output will not be written again, if the layout is `ascending`. */
  get finalBytes(): number {
    const { placing, dataOffset, virtualSize } = this.#layout;
    if (placing === 'append') return this.#fileEnd;
    return dataOffset + Math.min(this.#groupsDone * this.#groupBytes, virtualSize);
  }

  add(done: GroupDone): void {
    this.#early.set(done.from, done);
    this.#reportedBytes += done.dataBytes;
    for (let next; (next = this.#early.get(this.#groupsDone));) {
      this.#early.delete(next.from);
      this.#groupsDone = next.next;
      this.#fileEnd = Math.max(this.#fileEnd, next.fileEnd);
      this.#dataBytes += next.dataBytes;
      this.#written += next.writtenBytes;
      this.runs.add(next.runs);
    }
  }

  /** The frontier as a mark; its `placed` starts where the mark before ended. */
  takeMark(): ConversionMark {
    const placed = this.runs.slice(this.#markedRuns);
    this.runs.seal(); // what a mark has told does not grow afterwards
    this.#markedRuns = this.runs.count;
    return {
      groupsDone: this.#groupsDone,
      fileEnd: this.#fileEnd,
      dataBytesDone: this.#dataBytes,
      placed,
    };
  }
}
