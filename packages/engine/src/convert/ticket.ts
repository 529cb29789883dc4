/**
 * Who moves which group of guest bytes, and where its output lies. Lanes claim groups in guest
 * order; with `append` placing each waits until all groups claimed before have got their place, so
 * the output is the same whatever the number of lanes. A claim covers the guest groups
 * [from, group]: those before `group` hold no data. The chain from → group + 1 orders the claims
 * even if two lanes should see different holes.
 */
export interface Ticket {
  /** The first guest group that nobody has claimed. */
  next(): number;
  /** Claim [from, group]; false if another lane was faster. */
  claim(from: number, group: number): boolean;
  /**
   * Wait for the claim's turn, take `bytes` of the file for it, let the next one go on.
   * @returns where the bytes go (aligned), or undefined once stopped
   */
  place(from: number, group: number, bytes: number): number | undefined | Promise<number | undefined>;
  readonly stopped: boolean;
  /** Make all lanes give up: a waiting one at once, the others after their group. Idempotent. */
  stop(): void;
}

export interface TicketStart {
  /** First guest group to move. */
  readonly group: number;
  /** First free byte of the output. */
  readonly fileEnd: number;
}

const aligned = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

/** A ticket for lanes that run on one thread. */
export class LocalTicket implements Ticket {
  readonly #alignment: number;
  readonly #waiting = new Map<number, () => void>();
  #next: number;
  #turn: number;
  #end: number;
  stopped = false;

  /** @param alignment each group's output starts on a multiple of this */
  constructor(start: TicketStart, alignment: number) {
    this.#next = this.#turn = start.group;
    this.#end = start.fileEnd;
    this.#alignment = alignment;
  }

  next(): number {
    return this.#next;
  }

  claim(from: number, group: number): boolean {
    if (this.#next !== from) return false;
    this.#next = group + 1;
    return true;
  }

  async place(from: number, group: number, bytes: number): Promise<number | undefined> {
    while (this.#turn !== from && !this.stopped) {
      await new Promise<void>((resolve) => this.#waiting.set(from, resolve));
    }
    if (this.stopped) return undefined;
    const offset = bytes === 0 ? this.#end : aligned(this.#end, this.#alignment);
    this.#end = offset + bytes;
    this.#turn = group + 1;
    this.#wake(group + 1);
    return offset;
  }

  stop(): void {
    this.stopped = true;
    for (const from of this.#waiting.keys()) this.#wake(from);
  }

  #wake(from: number): void {
    const resolve = this.#waiting.get(from);
    this.#waiting.delete(from);
    resolve?.();
  }
}

const NEXT = 0;
const TURN = 1;
const STOPPED = 2;
const END = 2; // as a float64 index, behind the four int32
export const TICKET_BYTES = 24;

/**
 * The same for lanes in worker threads, in shared memory. Waiting blocks the thread; group numbers
 * stay below 2^31 (64 TiB in groups of 1 MiB are 2^26).
 */
export class SharedTicket implements Ticket {
  readonly #words: Int32Array;
  readonly #end: Float64Array;
  readonly #alignment: number;

  /** @param memory `TICKET_BYTES` of shared memory, made by `SharedTicket.start` */
  constructor(memory: SharedArrayBuffer, alignment: number) {
    this.#words = new Int32Array(memory, 0, 4);
    this.#end = new Float64Array(memory);
    this.#alignment = alignment;
  }

  static start(start: TicketStart): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(TICKET_BYTES);
    new Int32Array(memory, 0, 4).set([start.group, start.group]);
    new Float64Array(memory)[END] = start.fileEnd;
    return memory;
  }

  next(): number {
    return Atomics.load(this.#words, NEXT);
  }

  claim(from: number, group: number): boolean {
    return Atomics.compareExchange(this.#words, NEXT, from, group + 1) === from;
  }

  place(from: number, group: number, bytes: number): number | undefined {
    for (;;) {
      const turn = Atomics.load(this.#words, TURN);
      if (this.stopped) return undefined;
      if (turn === from) break;
      Atomics.wait(this.#words, TURN, turn);
    }
    // The turn is ours alone, and the atomic exchange below orders these plain accesses.
    const end = this.#end[END]!;
    const offset = bytes === 0 ? end : aligned(end, this.#alignment);
    this.#end[END] = offset + bytes;
    if (Atomics.compareExchange(this.#words, TURN, from, group + 1) !== from) return undefined; // stopped
    Atomics.notify(this.#words, TURN);
    return offset;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
    // Changing the turn itself, so that a lane between its look and its wait does not sleep.
    Atomics.store(this.#words, TURN, -1);
    Atomics.notify(this.#words, TURN);
  }
}
