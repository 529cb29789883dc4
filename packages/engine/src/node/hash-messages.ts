import type { ThreadError } from './thread-error.ts';
import type { Digests, HashName } from './types.ts';

/** What a hash thread is told. Messages of one session are worked off in order. */
export type HashOrder =
  | { readonly type: 'open'; readonly session: number; readonly names: readonly HashName[] }
  | {
      readonly type: 'range';
      readonly session: number;
      /** A descriptor opened by the process; descriptors are shared by its threads. */
      readonly fd: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly type: 'digest'; readonly session: number }
  | { readonly type: 'drop'; readonly session: number };

/** What it answers: each range is answered by `done` or `failed`. */
export type HashAnswer =
  | { readonly type: 'done'; readonly session: number }
  | { readonly type: 'failed'; readonly session: number; readonly error: ThreadError }
  | { readonly type: 'digest'; readonly session: number; readonly digests: Digests };
