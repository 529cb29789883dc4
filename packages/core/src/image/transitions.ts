import { lockImage, saveImage } from '../catalog/images.ts';
import type { StoredImage } from '../catalog/images.ts';
import { deleteMembers } from '../catalog/images-members.ts';
import type { Tx } from '../catalog/database.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import { releaseImage } from '../quota/images.ts';
import { requireOwner, requireVisible } from './access.ts';
import type { ImageContext } from './context.ts';
import type { Image, ImageData, ImageStatus } from './record.ts';
import { checkStatusChange } from './status.ts';

/** Lock an image that the caller may change. @throws {DomainError} `image-not-found`, `image-public`, `image-not-owned` */
export async function lockOwned(
  { catalog }: ImageContext,
  tx: Tx,
  actor: Actor,
  id: string,
): Promise<StoredImage> {
  const found = await lockImage(tx, catalog.engine, id.toLowerCase());
  const image = await requireVisible(tx, actor, { id, image: found });
  requireOwner(actor, image);
  return image;
}

/** Lock an image, whoever asks. @throws {DomainError} `image-gone-during-upload` when it has been deleted */
async function lockExisting({ catalog }: ImageContext, tx: Tx, id: string): Promise<StoredImage> {
  const image = await lockImage(tx, catalog.engine, id);
  if (image) return image;
  const message = `Image ${id} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`;
  throw new DomainError('image-gone-during-upload', message, { imageId: id });
}

/**
 * The image as its owner's to give data to, locked until the transaction ends.
 * @throws {DomainError} in this order `image-not-found`, `image-public`, `image-not-owned`,
 *   `image-wrong-state` unless `queued`
 */
export async function lockForRegister(
  context: ImageContext,
  tx: Tx,
  actor: Actor,
  id: string,
): Promise<Image> {
  const image = await lockOwned(context, tx, actor, id);
  checkStatusChange(image.id, image.status, 'saving');
  return image;
}

/** Change the status, and with it what `change` says. @throws {DomainError} `image-wrong-state` */
async function change(
  context: ImageContext,
  tx: Tx,
  { image, to }: { readonly image: StoredImage; readonly to: ImageStatus },
  changes: Partial<StoredImage> = {},
): Promise<StoredImage> {
  checkStatusChange(image.id, image.status, to);
  const after = { ...image, ...changes, status: to, updatedAt: context.now() };
  await saveImage(tx, context.catalog.engine, { before: image, after });
  return after;
}

/** `queued` → `saving`. @throws {DomainError} `image-wrong-state`, `image-gone-during-upload` */
export async function beginSaving(context: ImageContext, tx: Tx, id: string): Promise<Image> {
  return change(context, tx, { image: await lockExisting(context, tx, id), to: 'saving' });
}

/**
 * The data is there and durable: `saving` → `active`, with all facts about it.
 * @throws {DomainError} `image-wrong-state`; `image-gone-during-upload` when the image was deleted meanwhile
 */
export async function activate(context: ImageContext, tx: Tx, id: string, data: ImageData): Promise<Image> {
  const image = await lockExisting(context, tx, id);
  const platform = new Set([...image.platformProperties, ...Object.keys(data.properties)]);
  return change(
    context,
    tx,
    { image, to: 'active' },
    {
      blobId: data.blobId,
      sizeBytes: data.sizeBytes,
      virtualSizeBytes: data.virtualSizeBytes,
      md5: data.md5,
      hashAlgorithm: data.hashAlgorithm,
      hashValue: data.hashValue,
      diskFormat: data.diskFormat,
      properties: { ...image.properties, ...data.properties },
      platformProperties: [...platform],
      activeAt: context.now(),
    },
  );
}

/**
 * The data did not come: `killed`, or `queued` where an upload may be repeated. An image that is
 * deleted already stays so.
 * @throws {DomainError} `image-wrong-state`
 */
export async function fail(
  context: ImageContext,
  tx: Tx,
  id: string,
  to: 'killed' | 'queued' = 'killed',
): Promise<void> {
  const image = await lockImage(tx, context.catalog.engine, id);
  if (image) await change(context, tx, { image, to });
}

/** A deleted image: who may no longer find it, and the bytes that it leaves behind. */
export interface RemovedImage {
  readonly image: Image;
  /** Nobody's reference any more; null when there was no data. */
  readonly blobId: string | null;
}

/**
 * Delete an image in any state; its members go with it, its id stays taken.
 * @throws {DomainError} `image-not-found`, `image-public`, `image-not-owned`, `image-protected`
 */
export async function removeIn(
  context: ImageContext,
  tx: Tx,
  actor: Actor,
  id: string,
): Promise<RemovedImage> {
  const image = await lockOwned(context, tx, actor, id);
  if (image.isProtected) {
    const message = `Image ${image.id} is protected and cannot be deleted.`;
    throw new DomainError('image-protected', message, { imageId: image.id });
  }
  await change(context, tx, { image, to: 'deleted' }, { blobId: null, deletedAt: context.now() });
  await deleteMembers(tx, image.id);
  await releaseImage(tx, image.owner);
  return { image, blobId: image.blobId };
}
