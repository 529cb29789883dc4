import { DomainError, require } from '@imageyard/core';
import { imageListReply, imsError, jobReply, jobSchema, registerBody } from '@imageyard/wire';
import { acceptAnyBody } from '../../http/body.ts';
import type { FastifyInstance } from '../../http/fastify.ts';
import type { Dialect } from '../../http/app.ts';
import type { Query } from '../../http/query.ts';
import { imageView } from '../glance/view.ts';
import type { ImsContext } from './context.ts';
import { ImsError, imsAnswer } from './errors.ts';
import { jobView } from './job-view.ts';
import { parseImsListQuery } from './list-query.ts';
import { registerImage } from './register.ts';

const errors = { 400: imsError, 401: imsError, 403: imsError };
const tags = ['IMS'];

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
      imsRoutes(app, context);
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

function imsRoutes(app: FastifyInstance, context: ImsContext): void {
  const { core } = context;
  app.put<{ Params: { image_id: string } }>(
    '/v1/cloudimages/:image_id/upload',
    {
      // Files come out of a bucket: the caller needs both rights.
      config: { actions: ['ims-write', 'bucket-read'] },
      schema: {
        summary: 'Register a bucket object as the data of an image',
        tags,
        body: registerBody,
        response: { 200: jobReply, ...errors, 404: imsError },
      },
    },
    (request, reply) => registerImage(context, request, reply),
  );
  app.get(
    '/v2/cloudimages',
    {
      config: { actions: ['ims-read'] },
      schema: { summary: 'List images', tags, response: { 200: imageListReply, ...errors } },
    },
    async (request) => {
      const { images } = await core.images.list(request.actor, parseImsListQuery(request.query as Query));
      return { images: images.map((image) => imageView(image, 'otc')) };
    },
  );
  app.get<{ Params: { project_id: string; job_id: string } }>(
    '/v1/:project_id/jobs/:job_id',
    { schema: { summary: 'Show a job', tags, response: { 200: jobSchema, ...errors } } },
    async (request) => jobView(await core.jobs.get(request.params.project_id, request.params.job_id)),
  );
}
