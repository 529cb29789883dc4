import type { ImageDownload } from '@imageyard/core';
import { streamBody } from '../../http/body.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import { contentRange, ifRangeHolds, parseRange, parseRequestContentRange } from '../../http/ranges.ts';
import type { ByteRange } from '../../http/ranges.ts';
import type { GlanceContext } from './context.ts';
import { GlanceError } from './errors.ts';
import { imageId } from './images.ts';
import type { ImagePath } from './images.ts';
import * as docs from './route-docs.ts';

/** An image's data: upload, download, and `HEAD` for download tools. */
export function fileRoutes(app: FastifyInstance, { core }: GlanceContext): void {
  app.put<ImagePath>('/v2/images/:image_id/file', docs.uploadFile, async (request, reply) => {
    checkUploadHeaders(request);
    const announced = announcedSize(request);
    const body = streamBody(request, reply);
    const expectedBytes = announced ?? body.announcedBytes;
    await core.transfer.upload(request.actor, imageId(request), body.stream, {
      ...(expectedBytes === undefined ? {} : { expectedBytes }),
      signal: body.signal,
    });
    return reply.code(204).send();
  });

  app.get<ImagePath>('/v2/images/:image_id/file', docs.downloadFile, async (request, reply) => {
    const download = await core.transfer.download(request.actor, imageId(request));
    const range = describe(request, reply, download);
    if (reply.statusCode === 304) return reply.send();
    const gone = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    return reply.send(await download.stream(range, gone.signal));
  });

  app.head<ImagePath>('/v2/images/:image_id/file', docs.headFile, async (request, reply) => {
    const download = await core.transfer.download(request.actor, imageId(request));
    describe(request, reply, download);
    return reply.send();
  });
}

function checkUploadHeaders(request: FastifyRequest): void {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== 'application/octet-stream')
    throw new GlanceError(415, `The request media type ${type} is not supported by this server.`);
  const store = request.headers['x-image-meta-store'];
  if (store !== undefined) throw new GlanceError(400, `Store for identifier ${String(store)} not found`);
}

/** Length that a chunked body announces beside HTTP. */
function announcedSize(request: FastifyRequest): number | undefined {
  const text = request.headers['x-openstack-image-size'];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text.trim()))
    throw new GlanceError(400, 'Invalid or missing image size in request headers.');
  return Number(text);
}

/** Status and headers of a download. `Content-MD5` is the hex checksum of the whole, also for a range. */
function describe(
  request: FastifyRequest,
  reply: FastifyReply,
  { image, sizeBytes }: ImageDownload,
): ByteRange | undefined {
  const etag = image.md5 === null ? undefined : `"${image.md5}"`;
  reply.header('content-type', 'application/octet-stream').header('accept-ranges', 'bytes');
  if (image.md5 !== null) reply.header('content-md5', image.md5).header('etag', etag);
  const { headers } = request;
  if (etag !== undefined && headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag)) {
    reply.code(304);
    return undefined;
  }
  const range = ifRangeHolds(headers['if-range'] as string | undefined, etag)
    ? (parseRange(headers.range, sizeBytes) ?? parseRequestContentRange(headers['content-range'], sizeBytes))
    : undefined;
  reply.header('content-length', String(range ? range.end - range.start : sizeBytes));
  if (range) reply.code(206).header('content-range', contentRange(range, sizeBytes));
  return range;
}
