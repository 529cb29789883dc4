import type { DomainError, ErrorKind } from '@imageyard/core';
import type { DiskError } from '@imageyard/engine';
import type { FastifyRequest } from '../../http/fastify.ts';

/**
 * Glance's own text where the thrower's message is not it already: what the route is called, and
 * an id as it was given. Undefined: the message has to do.
 */
export function glanceText(
  { kind }: DomainError | DiskError,
  facts: Readonly<Record<string, unknown>>,
  request: FastifyRequest,
): string | undefined {
  const { operation, missing } = request.routeOptions.config;
  const asked = (request.params as { image_id?: string } | undefined)?.image_id;
  switch (kind satisfies ErrorKind) {
    case 'not-authorized':
      // A role that is missing; other refusals of rights say what they refuse.
      return facts['action'] === undefined || operation === undefined
        ? undefined
        : `You are not authorized to complete ${operation} action.`;
    case 'image-not-found':
      return asked === undefined ? undefined : (missing?.(asked) ?? `No image found with ID ${asked}`);
    default:
      return undefined;
  }
}
