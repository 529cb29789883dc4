import { require } from '@imageyard/core';
import { acceptAnyBody } from '../../http/body.ts';
import type { FastifyInstance } from '../../http/fastify.ts';
import type { Dialect } from '../../http/app.ts';
import { baseUrlOf } from '../../http/request-url.ts';
import type { GlanceContext } from './context.ts';
import { schemaRoutes, versionRoutes } from './discovery.ts';
import { glanceAnswer } from './errors.ts';
import { fileRoutes } from './file.ts';
import { imageRoutes } from './images.ts';
import { memberRoutes } from './members.ts';
import * as docs from './route-docs.ts';
import { tagRoutes } from './tags.ts';

/** The native image API. Owns every path that no other dialect claims. */
export function glanceDialect(context: GlanceContext): Dialect {
  const answer: Dialect['answer'] = (error, request) =>
    glanceAnswer(error, request, {
      dialect: context.dialect,
      identityUrl: `${baseUrlOf(request, context.publicUrl)}/v3`,
    });
  return {
    owns: () => true,
    answer,
    plugin: async (app) => {
      acceptAnyBody(app);
      judgeCredentials(app, context);
      versionRoutes(app, context.publicUrl);
      app.get('/healthcheck', docs.health, async (request, reply) =>
        request.headers.accept?.includes('application/json')
          ? { detailed: false, reasons: ['OK'] }
          : reply.type('text/plain; charset=utf-8').serializer(String).send('OK'),
      );
      schemaRoutes(app);
      imageRoutes(app, context);
      fileRoutes(app, context);
      memberRoutes(app, context);
      tagRoutes(app, context);
    },
  };
}

/** Credentials first, then the role that the route's action needs; bodies come later. */
function judgeCredentials(app: FastifyInstance, { core }: GlanceContext): void {
  app.addHook('onRequest', async (request, reply) => {
    const { isOpen, action } = request.routeOptions.config;
    if (isOpen) return;
    request.actor = await core.authenticate(request, reply);
    // Without a project a caller still sees what is public: the image room shows no more.
    const readsPublic = action === 'glance-read' && request.actor.projectId === undefined;
    if (action && !readsPublic) require(request.actor, action);
  });
}
