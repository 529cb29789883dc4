import type { Action } from '@imageyard/core';
import type { ImageCore } from '../../core.ts';
import type { ImageDialect } from './view.ts';

/** What the native image routes need. */
export interface GlanceContext {
  readonly core: ImageCore;
  readonly dialect: ImageDialect;
  readonly publicUrl: string | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no credentials. */
    isOpen?: boolean;
    /** The right that the caller's roles must give. */
    action?: Action;
    /** Glance's name of the action, for "You are not authorized to complete … action." */
    operation?: string;
    /** Text of a 404 for an image, when it is not the usual one. */
    missing?: (id: string) => string;
  }
}
