import type { ConversionMark, Frontier } from './frontier.ts';
import type { GroupDone } from './lane.ts';

/** Output bytes between two marks. */
const MARK_BYTES = 64 * 1024 * 1024;

export interface RecorderHooks {
  onMark?: ((mark: ConversionMark) => Promise<void>) | undefined;
  onData?: ((dataBytesDone: number) => void) | undefined;
  /** A mark could not be kept: the conversion must end. */
  onFailure: () => void;
}

/** Takes the lanes' reports, tells progress, and gives marks, one at a time. */
export class Recorder {
  readonly frontier: Frontier;
  readonly #hooks: RecorderHooks;
  readonly #markBytes: number;
  #markedAt = 0;
  #pending: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(frontier: Frontier, hooks: RecorderHooks, markBytes: number = MARK_BYTES) {
    this.frontier = frontier;
    this.#hooks = hooks;
    this.#markBytes = markBytes;
  }

  add(done: GroupDone): void {
    this.frontier.add(done);
    this.#hooks.onData?.(this.frontier.dataBytes);
    const { onMark } = this.#hooks;
    if (!onMark || this.#pending || this.#failure) return;
    if (this.frontier.writtenBytes - this.#markedAt < this.#markBytes) return;
    this.#markedAt = this.frontier.writtenBytes;
    this.#pending = onMark(this.frontier.takeMark())
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#hooks.onFailure();
      })
      .finally(() => {
        this.#pending = undefined;
      });
  }

  /** Wait for the mark that is being kept. @throws what a hook threw */
  async settle(): Promise<void> {
    await this.#pending;
    if (this.#failure) throw this.#failure.error;
  }
}
