import { timingSafeEqual } from 'node:crypto';
import type { Headers } from '../headers.ts';
import type { Parameter, Target } from '../target.ts';

/** What signatures cover. */
export interface SignedRequest {
  readonly method: string;
  readonly target: Target;
  readonly headers: Headers;
}

/** How a body is framed and what proves it. */
export type Payload =
  | { readonly kind: 'plain' }
  /** Lower-case hex SHA-256 of the body. */
  | { readonly kind: 'hashed'; readonly sha256: string }
  /** `aws-chunked` framing; `seed` when the chunks are signed. */
  | { readonly kind: 'chunked'; readonly hasTrailer: boolean; readonly seed: ChunkSeed | undefined };

/** Where the chain of chunk signatures begins. */
export interface ChunkSeed {
  readonly signature: string;
  readonly dateTime: string;
  readonly scope: string;
  readonly key: Buffer;
}

/** The first parameter of this name, whatever its case. */
export function parameter(query: readonly Parameter[], name: string): string | undefined {
  return query.find((p) => p.name.toLowerCase() === name)?.value;
}

/** Compare two signatures in a time that doesn't tell where they differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
