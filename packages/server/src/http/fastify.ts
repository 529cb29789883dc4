import Fastify from 'fastify';
import type { Actor } from '@imageyard/core';

export { Fastify };
export type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the dialect's credentials hook before any handler. */
    actor: Actor;
  }
}
