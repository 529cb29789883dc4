import type { FastifyRequest } from 'fastify';

/** Judges a body by its bytes as they arrive, whoever reads them. */
export interface BodyCheck {
  update(chunk: Uint8Array): void;
  /** All bytes are in. @throws when they are not the ones that were promised; the reader then fails too */
  finish(): void;
}

const checks = new WeakMap<FastifyRequest, BodyCheck>();

/** Have the body of this request checked: `wholeBody` and `streamBody` fail instead of ending. */
export function checkBody(request: FastifyRequest, check: BodyCheck): void {
  checks.set(request, check);
}

export function bodyCheckOf(request: FastifyRequest): BodyCheck | undefined {
  return checks.get(request);
}
