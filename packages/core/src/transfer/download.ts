import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import type { TransferDeps } from './deps.ts';
import type { ImageDownload } from './types.ts';

/** See `Transfer.download`. */
export async function download(
  { images, blobs }: TransferDeps,
  actor: Actor,
  imageId: string,
): Promise<ImageDownload> {
  const image = await images.findForDownload(actor, imageId);
  const { blobId, sizeBytes } = image;
  if (blobId === null || sizeBytes === null) {
    throw new DomainError('image-no-data', 'the image has no data yet', { imageId });
  }
  return {
    image,
    sizeBytes,
    stream: (range, signal) => blobs.stream(blobId, range, signal),
  };
}
