import type { FastifyRequest } from 'fastify';

/**
 * Scheme and host as the client named them, without trailing slash: the operator's public URL if
 * one is set, else from the request (forwarded headers count only from trusted proxies).
 */
export function baseUrlOf(request: FastifyRequest, publicUrl?: string): string {
  return publicUrl ?? `${request.protocol}://${request.host}`;
}
