import { DomainError } from '../errors.ts';

export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `parallel` tasks at once and keeps at most `waiting` more, in the order they came.
 * One more is refused. @throws {DomainError} `login-busy`
 */
export function createGate(parallel: number, waiting: number): Gate {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (task) => {
    if (running >= parallel) {
      if (queue.length >= waiting)
        throw new DomainError('login-busy', 'too many passwords are being checked; try again in a moment');
      await new Promise<void>((resolve) => queue.push(resolve)); // the one who leaves hands over his place
    } else running++;
    try {
      return await task();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running--;
    }
  };
}
