import { STATUS_CODES } from 'node:http';
import {
  imageListReply,
  imageSchema,
  imsError,
  imsPatchBody,
  jobReply,
  jobSchema,
  quotaReply,
  registerBody,
} from '@imageyard/wire';
import type { Action } from '@imageyard/core';
import type { TSchema } from 'typebox';
import type { FastifyInstance } from '../../http/fastify.ts';
import { allValues } from '../../http/query.ts';
import type { Query } from '../../http/query.ts';
import { imageView } from '../glance/view.ts';
import type { ImsContext } from './context.ts';
import { ImsError } from './errors.ts';
import { jobView } from './job-view.ts';
import { jsonBody } from './json.ts';
import { parseImsListQuery } from './list-query.ts';
import { osVersionView } from './os-versions.ts';
import { parseImsPatch } from './patch-body.ts';
import { quotaView } from './quota-view.ts';
import { registerImage } from './register.ts';
import { isUuid } from './uuid.ts';

interface ImagePath {
  readonly Params: { readonly image_id: string };
}

/** Options of a route: the rights it needs, and what the OpenAPI document says. */
function route(summary: string, actions: readonly Action[], reply?: TSchema, body?: TSchema) {
  const response = {
    ...(reply ? { 200: { description: summary, ...reply } } : {}),
    ...Object.fromEntries(
      [400, 401, 403, 404].map((status) => [status, { description: STATUS_CODES[status], ...imsError }]),
    ),
  };
  return { config: { actions }, schema: { summary, tags: ['IMS'], ...(body ? { body } : {}), response } };
}

/** Register, list and change images; jobs, quota and the list of operating systems. */
export function imageRoutes(app: FastifyInstance, context: ImsContext): void {
  const { core } = context;
  app.put<ImagePath>(
    '/v1/cloudimages/:image_id/upload',
    // The data comes out of a bucket: the caller needs both rights.
    route(
      'Register a bucket object as the data of an image',
      ['ims-write', 'bucket-read'],
      jobReply,
      registerBody,
    ),
    (request, reply) => registerImage(context, request, reply),
  );
  app.get('/v2/cloudimages', route('List images', ['ims-read'], imageListReply), async (request) => {
    const { images } = await core.images.list(request.actor, parseImsListQuery(request.query as Query));
    return { images: images.map((image) => imageView(image, 'otc')) };
  });
  app.patch<ImagePath>(
    '/v2/cloudimages/:image_id',
    route('Change attributes of an image', ['ims-write'], imageSchema, imsPatchBody),
    async (request, reply) => {
      const body = await jsonBody(request, reply);
      const { image_id: id } = request.params;
      if (!isUuid(id)) throw new ImsError('IMG.0066');
      const changes = parseImsPatch(body);
      const options = { onlyIn: 'active', rules: 'ims' } as const;
      return imageView(await core.images.update(request.actor, id.toLowerCase(), changes, options), 'otc');
    },
  );
  app.get<{ Params: { readonly project_id: string; readonly job_id: string } }>(
    '/v1/:project_id/jobs/:job_id',
    route('Show a job', [], jobSchema),
    async (request) => jobView(await core.jobs.get(request.params.project_id, request.params.job_id)),
  );
  app.get('/v1/cloudimages/quota', route('Show the image quota', ['ims-read'], quotaReply), async (request) =>
    quotaView(await core.images.used(request.actor.projectId!), core.images.settings.imagesPerProject),
  );
  app.get('/v1/cloudimages/os_version', route('List operating systems', ['ims-read']), async (request) =>
    osVersionView(allValues(request.query as Query, 'tag')),
  );
}
