import type { Action } from '@imageyard/core';
import type { ImageCore } from '../../core.ts';

/** What the IMS routes need. */
export interface ImsContext {
  readonly core: ImageCore;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every right that the caller's roles must give. */
    actions?: readonly Action[];
  }
}
