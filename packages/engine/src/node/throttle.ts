/** At most ten calls a second; the last value is never lost unless cancelled. */
const INTERVAL_MS = 100;

export function throttled<T>(call: (value: T) => void): {
  tell(value: T): void;
  /** Tell a last value now. */
  flush(value: T): void;
  cancel(): void;
} {
  let toldAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  let latest: T;
  const now = (): void => {
    clearTimeout(timer);
    timer = undefined;
    toldAt = performance.now();
    call(latest);
  };
  return {
    tell(value) {
      latest = value;
      const wait = toldAt + INTERVAL_MS - performance.now();
      if (wait <= 0) now();
      else timer ??= setTimeout(now, wait);
    },
    flush(value) {
      latest = value;
      now();
    },
    cancel() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
