import type { FastifyInstance } from '../../http/fastify.ts';
import type { GlanceContext } from './context.ts';
import { GlanceError } from './errors.ts';
import { imageId } from './images.ts';
import * as docs from './route-docs.ts';

interface TagPath {
  readonly Params: { readonly image_id: string; readonly tag: string };
}

/** Add and remove one tag; adding repeats freely, removing what isn't there is 404. */
export function tagRoutes(app: FastifyInstance, { core }: GlanceContext): void {
  app.put<TagPath>('/v2/images/:image_id/tags/:tag', docs.addTag, async (request, reply) => {
    await core.images.tags.add(request.actor, imageId(request), checkedTag(request.params.tag));
    return reply.code(204).send();
  });

  app.delete<TagPath>('/v2/images/:image_id/tags/:tag', docs.removeTag, async (request, reply) => {
    await core.images.tags.remove(request.actor, imageId(request), checkedTag(request.params.tag));
    return reply.code(204).send();
  });
}

/** A slash, however it was encoded, ends the path segment: there is no such resource. */
function checkedTag(tag: string): string {
  if (tag.includes('/')) throw new GlanceError(404, 'The resource could not be found.');
  if ([...tag].length > 255)
    throw new GlanceError(
      400,
      `Provided object does not match schema 'image': a tag must not have more than 255 characters`,
    );
  return tag;
}
