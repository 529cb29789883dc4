interface Waiter {
  readonly project: string;
  begin(): void;
}

/**
 * Places for work that fills a core (convert, hash), so that light jobs never wait behind it.
 * The next place goes to the project with the fewest, then to who waits longest.
 */
export class HeavySlots {
  readonly #size: number;
  readonly #running = new Map<string, number>();
  #free: number;
  #waiting: Waiter[] = [];

  constructor(size: number) {
    this.#size = Math.max(1, size);
    this.#free = this.#size;
  }

  /** Wait for a place. @returns a function that gives it back, once */
  async enter(project: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free === 0) await this.#wait(project, signal);
    else this.#take(project);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#leave(project);
    };
  }

  #wait(project: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        project,
        begin: () => {
          signal.removeEventListener('abort', stop);
          this.#take(project);
          resolve();
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #take(project: string): void {
    this.#free -= 1;
    this.#running.set(project, this.#of(project) + 1);
  }

  #leave(project: string): void {
    this.#free += 1;
    const left = this.#of(project) - 1;
    if (left > 0) this.#running.set(project, left);
    else this.#running.delete(project);
    let next: Waiter | undefined;
    for (const waiter of this.#waiting) {
      if (!next || this.#of(waiter.project) < this.#of(next.project)) next = waiter;
    }
    if (!next) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter !== next);
    next.begin();
  }

  #of(project: string): number {
    return this.#running.get(project) ?? 0;
  }
}
