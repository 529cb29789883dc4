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
  const image = await images.get(actor, imageId);
  if (image.status === 'deactivated' && !actor.isAdmin) {
    const message = 'The requested image has been deactivated. Image data download is forbidden.';
    throw new DomainError('not-authorized', message, { operation: 'download_image' });
  }
  const { blobId, sizeBytes } = image;
  if (blobId === null || sizeBytes === null) {
    throw new DomainError('image-no-data', `image ${image.id} has no data yet`, { imageId: image.id });
  }
  return {
    image,
    sizeBytes,
    stream: (range, signal) => blobs.stream(blobId, range, signal),
  };
}
