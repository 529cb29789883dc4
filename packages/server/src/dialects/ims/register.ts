import type { FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import type { ImsContext } from './context.ts';
import { ImsError } from './errors.ts';
import { parseImageUrl } from './image-url.ts';
import { jsonBody } from './json.ts';
import { isUuid } from './uuid.ts';

/**
 * PUT /v1/cloudimages/{image_id}/upload: register a bucket object as the image's data.
 * The grammar of `image_url` speaks only after the image has been judged, so it goes along as a function.
 */
export async function registerImage(
  { core }: ImsContext,
  request: FastifyRequest<{ Params: { image_id: string } }>,
  reply: FastifyReply,
): Promise<{ job_id: string }> {
  const imageUrl = imageUrlOf(await jsonBody(request, reply));
  const { image_id: id } = request.params;
  if (!isUuid(id)) throw new ImsError('IMG.0066');
  const job = await core.transfer.register(request.actor, id.toLowerCase(), () => parseImageUrl(imageUrl));
  return { job_id: job.id };
}

function imageUrlOf(body: object): string {
  const { image_url: imageUrl } = body as { image_url?: unknown };
  if (Array.isArray(body) || typeof imageUrl !== 'string')
    throw new ImsError('IMG.0001', 'The body must have a string "image_url": "BUCKET:OBJECT".');
  return imageUrl;
}
