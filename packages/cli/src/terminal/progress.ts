/** Where progress is shown: a terminal gets one line that is redrawn, anything else a line a stage. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressUpdate {
  readonly stage: string;
  readonly bytesDone: number;
  /** 0 while unknown. */
  readonly bytesTotal: number;
  /** As somebody else measured it; computed from the updates when absent. */
  readonly bytesPerSecond?: number | undefined;
  readonly etaSeconds?: number | null | undefined;
}

export interface Progress {
  update(at: ProgressUpdate): void;
  /** Close the line; what follows starts on a new one. Idempotent. */
  finish(): void;
}

const REDRAW_MS = 100;
/** Rates look back this far. */
const WINDOW_MS = 5000;

/** @param now a clock in milliseconds */
export function createProgress(
  stream: ProgressStream = process.stderr,
  now: () => number = () => performance.now(),
): Progress {
  return stream.isTTY ? new Bar(stream, now) : new Lines(stream, now);
}

/** One line for each stage when it begins, one when it has ended. */
class Lines implements Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  #stage: string | undefined;
  #startedAt = 0;
  #last: ProgressUpdate | undefined;

  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  update(at: ProgressUpdate): void {
    if (at.stage !== this.#stage) {
      this.#end(true);
      this.#stage = at.stage;
      this.#startedAt = this.#now();
      const size = at.bytesTotal > 0 ? `: ${bytesText(at.bytesTotal)}` : '';
      this.#stream.write(`${at.stage}${size}\n`);
    }
    this.#last = at;
  }

  finish(): void {
    this.#end(false);
  }

  /** @param complete another stage follows, so this one moved all its bytes, seen or not */
  #end(complete: boolean): void {
    const last = this.#last;
    if (this.#stage === undefined || !last) return;
    this.#stage = this.#last = undefined;
    const seconds = (this.#now() - this.#startedAt) / 1000;
    const bytes = complete ? Math.max(last.bytesTotal, last.bytesDone) : last.bytesDone;
    const rate = seconds >= 0.1 && bytes > 0 ? `, ${bytesText(bytes / seconds)}/s` : '';
    const moved = bytes > 0 ? `${bytesText(bytes)} in ` : '';
    this.#stream.write(`${last.stage}: ${moved}${seconds.toFixed(1)} s${rate}\n`);
  }
}

/** `convert [#####-----] 52 %  1.2 GiB of 2.3 GiB  410 MiB/s  0:03 left` */
class Bar implements Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  #stage: string | undefined;
  #samples: { at: number; bytes: number }[] = [];
  #drawnAt = -Infinity;
  #last: ProgressUpdate | undefined;

  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  update(at: ProgressUpdate): void {
    const time = this.#now();
    if (at.stage !== this.#stage) {
      this.finish();
      this.#stage = at.stage;
      this.#samples = [];
      this.#drawnAt = -Infinity;
    }
    this.#last = at;
    this.#samples.push({ at: time, bytes: at.bytesDone });
    while (this.#samples.length > 2 && this.#samples[0]!.at < time - WINDOW_MS) this.#samples.shift();
    if (time - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = time;
    this.#draw(at);
  }

  finish(): void {
    if (!this.#last) return;
    this.#draw(this.#last);
    this.#stage = this.#last = undefined;
    this.#stream.write('\n');
  }

  #draw(at: ProgressUpdate): void {
    const rate = at.bytesPerSecond ?? this.#rate();
    const line = barLine(at, rate, this.#stream.columns ?? 80);
    this.#stream.write(`\r\x1b[K${line}`);
  }

  #rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.at <= first.at) return 0;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }
}

/** The bar's text, at most `columns` − 1 characters, so that it never wraps. */
export function barLine(at: ProgressUpdate, bytesPerSecond: number, columns: number): string {
  const { stage, bytesDone, bytesTotal } = at;
  const left = bytesTotal > 0 ? Math.max(0, bytesTotal - bytesDone) : undefined;
  const eta = at.etaSeconds ?? (left !== undefined && bytesPerSecond > 0 ? left / bytesPerSecond : undefined);
  const share = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : undefined;
  const words = [
    ...(share === undefined ? [] : [`${Math.floor(share * 100)} %`.padStart(5)]),
    bytesTotal > 0 ? `${bytesText(bytesDone)} of ${bytesText(bytesTotal)}` : bytesText(bytesDone),
    ...(bytesPerSecond > 0 ? [`${bytesText(bytesPerSecond)}/s`] : []),
    ...(eta === undefined || left === 0 ? [] : [`${durationText(eta)} left`]),
  ].join('  ');
  const room = Math.min(40, columns - 1 - stage.length - words.length - 5);
  const bar =
    share === undefined || room < 8 ? '' : ` [${'#'.repeat(Math.floor(share * room)).padEnd(room, '-')}]`;
  return `${stage}${bar} ${words}`.slice(0, Math.max(0, columns - 1));
}

/** Bytes in binary units, three digits: `512 B`, `1.25 MiB`, `23.0 GiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  if (unit === 0) return `${Math.round(value)} B`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** `0:07`, `12:30`, `3:02:11`. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}
