import { DomainError, require } from '@imageyard/core';
import { acceptAnyBody } from '../../http/body.ts';
import type { FastifyInstance } from '../../http/fastify.ts';
import type { Dialect } from '../../http/app.ts';
import { imageRoutes } from './images.ts';
import type { ImsContext } from './context.ts';
import { ImsError, imsAnswer } from './errors.ts';

/** Paths of the IMS API; everything else of the image host is Glance's. */
export const isImsPath = (path: string): boolean =>
  /^\/(?:v1|v1\.1|v2\.1)(?:\/|$)/.test(path) ||
  /^\/v2\/cloudimages(?:\/|$)/.test(path) ||
  /^\/v2\/[0-9a-f]{32}\/images(?:\/|$)/.test(path);

/** The IMS API: register, list, jobs. */
export function imsDialect(context: ImsContext): Dialect {
  return {
    owns: isImsPath,
    answer: imsAnswer,
    plugin: async (app) => {
      acceptAnyBody(app);
      judgeCredentials(app, context);
      imageRoutes(app, context);
    },
  };
}

/** Credentials, then the project that the path names, then the roles; bodies come later. */
function judgeCredentials(app: FastifyInstance, { core }: ImsContext): void {
  app.addHook('onRequest', async (request, reply) => {
    request.actor = await core.authenticate(request, reply);
    const { projectId } = request.actor;
    if (projectId === undefined)
      throw new DomainError('not-authorized', 'the credential is not scoped to a project');
    const named = (request.params as { project_id?: string }).project_id;
    if (named !== undefined && named !== projectId) throw new ImsError('IMG.0030');
    for (const action of request.routeOptions.config.actions ?? []) require(request.actor, action);
  });
}
