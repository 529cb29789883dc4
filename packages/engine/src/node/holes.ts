import { createRequire } from 'node:module';

/**
 * Where a sparse file's data lies, by `lseek(SEEK_DATA)` and `lseek(SEEK_HOLE)`. Node has no lseek;
 * koffi (an optional dependency) calls it in 0.25 µs. Without koffi a sparse file is read whole.
 */
type Lseek = (fd: number, offset: number, whence: number) => number;
interface Seeker {
  readonly lseek: Lseek;
  readonly errno: () => number;
  readonly data: number;
  readonly hole: number;
}

const ENXIO = 6;
let seeker: Seeker | undefined | null = null; // null: not looked for yet

/**
 * The first data at or behind `offset`: `[start, end)`, or undefined when only a hole follows.
 * Answers "all of it" where holes can't be asked for. Moves the descriptor's file position.
 */
export function nextDataOf(
  fd: number,
  offset: number,
  size: number,
): { start: number; end: number } | undefined {
  if (offset >= size) return undefined;
  const whole = { start: offset, end: size };
  const seek = findSeeker();
  if (!seek) return whole;
  const start = seek.lseek(fd, offset, seek.data);
  if (start < 0) return seek.errno() === ENXIO ? undefined : whole;
  if (start >= size) return undefined; // data, but behind the range that was asked for
  const end = seek.lseek(fd, start, seek.hole);
  return { start, end: end < 0 ? size : Math.min(end, size) };
}

/** Can this machine tell holes from data? */
export const knowsHoles = (): boolean => findSeeker() !== undefined;

function findSeeker(): Seeker | undefined {
  if (seeker === null) seeker = load();
  return seeker;
}

function load(): Seeker | undefined {
  const whence = { linux: { data: 3, hole: 4 }, darwin: { data: 4, hole: 3 } }[process.platform as string];
  if (!whence) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(path: null): { func(definition: string): Lseek };
      errno(): number;
    };
    const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
    return { lseek, errno: () => koffi.errno(), ...whence };
  } catch {
    return undefined; // not installed, or no binary for this machine
  }
}
