import { closeSync, openSync } from 'node:fs';
import type { HashAnswer } from './hash-messages.ts';
import { hashThreads, type HashThread } from './hash-pool.ts';
import { sizeOfSource } from './source.ts';
import { decodeError } from './thread-error.ts';
import type { Digests, HashFollower, HashName, SourceSpec } from './types.ts';

/** Bytes of one work item: a session can be left between two, so that others get their turn. */
const ITEM_BYTES = 4 * 1024 * 1024;
/** Items of one session that are with the threads at a time. */
const ITEMS_AHEAD = 8;
/** MD5 takes about as long as SHA-256 and SHA-512 together, so these two run side by side. */
const sides: readonly (readonly HashName[])[] = [
  ['md5', 'sha1'],
  ['sha256', 'sha512'],
];

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  /** Ranges and items that still need it. */
  users: number;
}
interface Range {
  readonly file: OpenFile;
  offset: number;
  length: number;
}
interface Item {
  readonly file: OpenFile;
  readonly length: number;
  /** Sides that have not answered yet. */
  missing: number;
}

let sessions = 0;

/**
 * Hash ranges of files in worker threads, in the order in which they are fed.
 * A path is opened when it is fed for the first time and stays open until all its ranges are hashed
 * and another path (or the end) follows: it may be renamed or deleted as soon as it was fed.
 * @see HashFollower
 */
export function createHashFollower(names: readonly HashName[]): HashFollower {
  return new Session(names);
}

/**
 * Hash all bytes of a source; its holes cost no reading.
 * @throws the signal's reason; the system's error when a file can't be opened;
 *   {DiskError} `disk-changed` when a file is shorter than stated
 */
export async function hashSource(
  spec: SourceSpec,
  names: readonly HashName[],
  options: { signal?: AbortSignal; onProgress?(bytesDone: number, bytesTotal: number): void } = {},
): Promise<Digests> {
  const { signal } = options;
  signal?.throwIfAborted();
  const total = await sizeOfSource(spec);
  signal?.throwIfAborted(); // an abort meanwhile fires no listener added later
  const follower = createHashFollower(names);
  const abandon = (): void => follower.abandon();
  signal?.addEventListener('abort', abandon, { once: true });
  const timer = setInterval(() => options.onProgress?.(follower.bytesDone, total), 100);
  try {
    if (spec.kind === 'file') follower.feed(spec.path, 0, total);
    else for (const part of spec.parts) follower.feed(part.path, 0, part.size);
    const digests = await follower.digest();
    options.onProgress?.(total, total);
    return digests;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', abandon);
    follower.abandon();
  }
}

class Session implements HashFollower {
  readonly #id = ++sessions;
  readonly #sides: { readonly thread: HashThread; readonly names: readonly HashName[] }[];
  readonly #queue: Range[] = [];
  /** Items with the threads, oldest first, and how many of them each side has answered. */
  readonly #items: Item[] = [];
  readonly #answered: number[];
  #current: OpenFile | undefined;
  #bytesDone = 0;
  #failure: Error | undefined;
  #isOpen = true;
  #waiting: { resolve: (digests: Digests) => void; reject: (error: Error) => void } | undefined;
  #asked = false;
  readonly #digests: Digests[] = [];

  constructor(names: readonly HashName[]) {
    const wanted = sides
      .map((side) => side.filter((name) => names.includes(name)))
      .filter((s) => s.length > 0);
    const threads = hashThreads(wanted.length);
    this.#sides = wanted.map((side, i) => ({ thread: threads[i]!, names: side }));
    this.#answered = wanted.map(() => 0);
    this.#sides.forEach(({ thread, names: side }, i) => {
      thread.listen(this.#listenerId(i), {
        answered: (answer) => this.#take(i, answer),
        lost: (error) => {
          this.#fail(error);
          for (const item of this.#items.splice(0)) this.#release(item.file); // nobody will answer them
        },
      });
      thread.send({ type: 'open', session: this.#listenerId(i), names: side });
    });
  }

  get bytesDone(): number {
    return this.#bytesDone;
  }

  feed(path: string, offset: number, length: number): void {
    if (!this.#isOpen || this.#failure || length <= 0) return;
    if (this.#waiting) throw new Error('feed after digest');
    const last = this.#queue.at(-1);
    if (last?.file.path === path && last.offset + last.length === offset) {
      last.length += length;
    } else {
      let file: OpenFile;
      try {
        file = this.#open(path);
      } catch (error) {
        this.#fail(error as Error);
        return;
      }
      file.users++;
      this.#queue.push({ file, offset, length });
    }
    this.#pump();
  }

  async digest(): Promise<Digests> {
    if (!this.#isOpen && !this.#failure) throw new Error('the hash follower was abandoned');
    return await new Promise<Digests>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#pump();
    });
  }

  abandon(): void {
    this.#fail(new Error('the hash follower was abandoned'));
  }

  /** Each side is a session of its own to its thread: both may run on one. */
  #listenerId(side: number): number {
    return this.#id * sides.length + side;
  }

  #open(path: string): OpenFile {
    if (this.#current?.path === path) return this.#current;
    const left = this.#current;
    this.#current = { path, fd: openSync(path, 'r'), users: 1 };
    if (left) this.#release(left);
    return this.#current;
  }

  #release(file: OpenFile): void {
    if (--file.users === 0) closeSync(file.fd);
  }

  #pump(): void {
    while (!this.#failure && this.#queue.length > 0 && this.#items.length < ITEMS_AHEAD) {
      const range = this.#queue[0]!;
      const length = Math.min(ITEM_BYTES, range.length);
      const { file, offset } = range;
      range.offset += length;
      range.length -= length;
      if (range.length === 0) this.#queue.shift(); // its use goes over to the item
      else file.users++;
      this.#items.push({ file, length, missing: this.#sides.length });
      this.#sides.forEach(({ thread }, i) =>
        thread.send({ type: 'range', session: this.#listenerId(i), fd: file.fd, offset, length }),
      );
      if (this.#sides.length === 0) this.#retire();
    }
    this.#settle();
  }

  #take(side: number, answer: HashAnswer): void {
    if (answer.type === 'digest') {
      this.#digests.push(answer.digests);
      this.#settle();
      return;
    }
    // Sides answer in order, each at its own pace.
    const item = this.#items[this.#answered[side]!];
    if (item) {
      item.missing--;
      this.#answered[side]!++;
    }
    this.#retire();
    if (answer.type === 'failed') this.#fail(decodeError(answer.error));
    else this.#pump();
  }

  /** Drop items that all sides have answered. */
  #retire(): void {
    while (this.#items[0]?.missing === 0) {
      const item = this.#items.shift()!;
      this.#answered.forEach((_, i) => this.#answered[i]!--);
      this.#bytesDone += item.length;
      this.#release(item.file);
      if (!this.#isOpen && this.#items.length === 0) this.#forget();
    }
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    if (this.#failure) {
      this.#waiting = undefined;
      waiting.reject(this.#failure);
    } else if (this.#queue.length === 0 && this.#items.length === 0) {
      if (!this.#asked) {
        this.#asked = true;
        this.#sides.forEach(({ thread }, i) => thread.send({ type: 'digest', session: this.#listenerId(i) }));
      }
      if (this.#digests.length < this.#sides.length) return;
      this.#waiting = undefined;
      this.#close();
      waiting.resolve(Object.assign({}, ...this.#digests) as Digests);
    }
  }

  #fail(error: Error): void {
    if (!this.#isOpen) return;
    this.#failure = error;
    this.#sides.forEach(({ thread }, i) => thread.send({ type: 'drop', session: this.#listenerId(i) }));
    this.#close();
    this.#settle();
  }

  /** Give files back; those that a thread may still read follow with their last item. */
  #close(): void {
    this.#isOpen = false;
    for (const range of this.#queue.splice(0)) this.#release(range.file);
    if (this.#current) this.#release(this.#current);
    this.#current = undefined;
    if (this.#items.length === 0) this.#forget();
  }

  #forget(): void {
    this.#sides.forEach(({ thread }, i) => thread.forget(this.#listenerId(i)));
  }
}
