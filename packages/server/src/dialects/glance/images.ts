import type { FastifyInstance } from '../../http/fastify.ts';

import type { Query } from '../../http/query.ts';
import { baseUrlOf } from '../../http/request-url.ts';
import type { GlanceContext } from './context.ts';
import { parseCreateBody } from './create-body.ts';
import { jsonBody } from './json.ts';
import { parseListQuery } from './list-query.ts';
import { pageLinks } from './page-links.ts';
import { parsePatch, patchForm } from './patch-body.ts';
import * as docs from './route-docs.ts';
import { imageView } from './view.ts';

export interface ImagePath {
  readonly Params: { readonly image_id: string };
}

/** Create, list, show, change and delete images. */
export function imageRoutes(app: FastifyInstance, context: GlanceContext): void {
  const { core, dialect, publicUrl } = context;

  app.post('/v2/images', docs.createImage, async (request, reply) => {
    const draft = parseCreateBody(await jsonBody(request, reply));
    const image = await core.images.create(request.actor, draft);
    return reply
      .code(201)
      .header('location', `${baseUrlOf(request, publicUrl)}/v2/images/${image.id}`)
      .send(imageView(image, dialect));
  });

  app.get('/v2/images', docs.listImages, async (request) => {
    const query = parseListQuery(request.query as Query);
    const { images } = await core.images.list(request.actor, query);
    const isFull = images.length > 0 && images.length === query.limit;
    return {
      images: images.map((image) => imageView(image, dialect)),
      ...pageLinks(request.url, isFull ? images.at(-1)?.id : undefined),
      schema: '/v2/schemas/images',
    };
  });

  app.get<ImagePath>('/v2/images/:image_id', docs.showImage, async (request) =>
    imageView(await core.images.get(request.actor, imageId(request)), dialect),
  );

  app.patch<ImagePath>('/v2/images/:image_id', docs.patchImage, async (request, reply) => {
    const form = patchForm(request.headers['content-type']);
    const changes = parsePatch(await jsonBody(request, reply), form);
    return imageView(await core.images.update(request.actor, imageId(request), changes), dialect);
  });

  app.delete<ImagePath>('/v2/images/:image_id', docs.deleteImage, async (request, reply) => {
    await core.transfer.deleteImage(request.actor, imageId(request));
    return reply.code(204).send();
  });
}

/** Ids are compared without regard to case. */
export const imageId = (request: { readonly params: { readonly image_id: string } }): string =>
  request.params.image_id.toLowerCase();
