import { findImage } from '../catalog/images.ts';
import type { StoredImage } from '../catalog/images.ts';
import { findMember } from '../catalog/images-members.ts';
import type { Database, Tx } from '../catalog/database.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import type { Image } from './record.ts';

/** Is the image the caller's own to change? An administrator acts on every project's images. */
export function owns(actor: Actor, image: Pick<Image, 'owner'>): boolean {
  return actor.isAdmin || (actor.projectId !== undefined && image.owner === actor.projectId);
}

/**
 * May the caller see it by id: own, public, community, or shared with the caller's project,
 * whatever that project answered.
 */
export async function canSee(db: Database | Tx, actor: Actor, image: Image): Promise<boolean> {
  if (owns(actor, image) || image.visibility === 'public' || image.visibility === 'community') return true;
  if (image.visibility !== 'shared' || actor.projectId === undefined) return false;
  return (await findMember(db, image.id, actor.projectId)) !== undefined;
}

/** @throws {DomainError} `image-not-found`, for an invisible image too */
export async function visibleImage(db: Database | Tx, actor: Actor, id: string): Promise<StoredImage> {
  return requireVisible(db, actor, { id, image: await findImage(db, id.toLowerCase()) });
}

/** @throws {DomainError} `image-not-found` with `{ imageId }` as it was asked for */
export async function requireVisible(
  db: Database | Tx,
  actor: Actor,
  { id, image }: { readonly id: string; readonly image: StoredImage | undefined },
): Promise<StoredImage> {
  if (image && (await canSee(db, actor, image))) return image;
  throw new DomainError('image-not-found', `No image found with ID ${id}`, { imageId: id });
}

/** @throws {DomainError} `image-public` for somebody else's public image, `image-not-owned` */
export function requireOwner(actor: Actor, image: Image): void {
  if (owns(actor, image)) return;
  const kind = image.visibility === 'public' ? 'image-public' : 'image-not-owned';
  throw new DomainError(kind, 'You do not own this image', { imageId: image.id });
}

/** @throws {DomainError} `not-authorized` with `{ operation: 'publicize_image' }` */
export function requirePublicize(actor: Actor): void {
  if (actor.isAdmin) return;
  const message = 'You are not authorized to complete publicize_image action.';
  throw new DomainError('not-authorized', message, { operation: 'publicize_image' });
}
