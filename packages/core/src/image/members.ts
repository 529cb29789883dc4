import { saveImage } from '../catalog/images.ts';
import type { StoredImage } from '../catalog/images.ts';
import * as rows from '../catalog/images-members.ts';
import type { Database, Tx } from '../catalog/database.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import { owns, visibleImage } from './access.ts';
import { checkText, invalid } from './attributes.ts';
import type { ImageContext } from './context.ts';
import type { ImageMember, MemberStatus } from './record.ts';
import { lockOwned } from './transitions.ts';
import { checkCount } from './values.ts';

const memberLimit = 255;
const memberStatuses: readonly string[] = ['pending', 'accepted', 'rejected'] satisfies MemberStatus[];

/** Projects that an image is shared with. All throw `image-not-found`; those for owners `image-not-owned`, `image-public`. */
export interface ImageMembers {
  /**
   * Owner: share, status `pending`. The first member turns a private image shared, and the last to go
   * turns it back.
   * @throws {DomainError} `value-invalid`, `image-not-shareable` for a public or community image,
   *   `member-exists`, `quota-exceeded`
   */
  add(actor: Actor, id: string, member: string): Promise<ImageMember>;
  /** Owner: all; a member: itself alone. @throws {DomainError} `image-not-shareable` */
  list(actor: Actor, id: string): Promise<ImageMember[]>;
  /** @throws {DomainError} `member-not-found`, for another member's row too */
  get(actor: Actor, id: string, member: string): Promise<ImageMember>;
  /**
   * The member's own answer (an administrator may give it too).
   * @throws {DomainError} `value-invalid`, `member-not-found`, `not-authorized` for the owner
   */
  setStatus(actor: Actor, id: string, member: string, status: MemberStatus): Promise<ImageMember>;
  /** Owner: no longer share. @throws {DomainError} `member-not-found` */
  remove(actor: Actor, id: string, member: string): Promise<void>;
}

export function createMembers(context: ImageContext): ImageMembers {
  const { catalog } = context;
  return {
    add: async (actor, id, member) => addMember(context, actor, { id, member: checkMember(member) }),
    async list(actor, id) {
      const image = await visibleImage(catalog.db, actor, id);
      const what = `list members for image ${image.id}: Only shared images have members`;
      requireShareable(image, what);
      const all = await rows.listMembers(catalog.db, image.id);
      return owns(actor, image) ? all : all.filter(({ member }) => member === actor.projectId);
    },
    async get(actor, id, member) {
      const image = await visibleImage(catalog.db, actor, id);
      return readableMember(catalog.db, actor, image, member);
    },
    setStatus: (actor, id, member, status) => setStatus(context, actor, { id, member, status }),
    remove: (actor, id, member) => removeMember(context, actor, { id, member }),
  };
}

async function addMember(
  context: ImageContext,
  actor: Actor,
  { id, member }: { readonly id: string; readonly member: string },
): Promise<ImageMember> {
  const { catalog, settings, now } = context;
  return catalog.write(async (tx) => {
    const image = await lockOwned(context, tx, actor, id);
    requireShareable(image, `create members for image ${image.id}`);
    const createdAt = now();
    const made: ImageMember = {
      imageId: image.id,
      member,
      status: 'pending',
      createdAt,
      updatedAt: createdAt,
    };
    const count = await rows.countMembers(tx, image.id);
    if (!(await rows.insertMember(tx, made, image.createdAt))) {
      const message = `Member ${member} is duplicated for image ${image.id}`;
      throw new DomainError('member-exists', message, { imageId: image.id, member });
    }
    checkCount('members', count + 1, settings.membersPerImage);
    if (image.visibility === 'private')
      await turn(context, tx, image, { visibility: 'shared', isSharedByMembers: true });
    return made;
  });
}

async function setStatus(
  { catalog, now }: ImageContext,
  actor: Actor,
  { id, member, status }: { readonly id: string; readonly member: string; readonly status: MemberStatus },
): Promise<ImageMember> {
  if (!memberStatuses.includes(status))
    invalid('status', 'Incorrect request: Status must be "pending", "accepted" or "rejected".');
  return catalog.write(async (tx) => {
    const image = await visibleImage(tx, actor, id);
    const found = await readableMember(tx, actor, image, member);
    if (!actor.isAdmin && member !== actor.projectId) {
      const message = `Not allowed to update members for image ${image.id}.`;
      throw new DomainError('not-authorized', message, { imageId: image.id, member });
    }
    const updatedAt = now();
    if (!(await rows.updateMember(tx, { imageId: image.id, member }, { status, updatedAt })))
      throw missing(image.id, member);
    return { ...found, status, updatedAt };
  });
}

async function removeMember(
  context: ImageContext,
  actor: Actor,
  { id, member }: { readonly id: string; readonly member: string },
): Promise<void> {
  await context.catalog.write(async (tx) => {
    const image = await lockOwned(context, tx, actor, id);
    if (!(await rows.deleteMember(tx, image.id, member))) throw missing(image.id, member);
    if (image.isSharedByMembers && (await rows.countMembers(tx, image.id)) === 0)
      await turn(context, tx, image, { visibility: 'private', isSharedByMembers: false });
  });
}

async function turn(
  { catalog, now }: ImageContext,
  tx: Tx,
  before: StoredImage,
  to: Pick<StoredImage, 'visibility' | 'isSharedByMembers'>,
): Promise<void> {
  await saveImage(tx, catalog.engine, { before, after: { ...before, ...to, updatedAt: now() } });
}

/** The row of a member, as far as the caller may read it. @throws {DomainError} `member-not-found` */
async function readableMember(
  db: Database | Tx,
  actor: Actor,
  image: StoredImage,
  member: string,
): Promise<ImageMember> {
  const isReadable = owns(actor, image) || member === actor.projectId;
  const found = isReadable ? await rows.findMember(db, image.id, member) : undefined;
  if (!found) throw missing(image.id, member);
  return found;
}

function missing(imageId: string, member: string): DomainError {
  const message = `${member} not found in the member list of the image ${imageId}.`;
  return new DomainError('member-not-found', message, { imageId, member });
}

/** Everybody sees a public or community image already. @throws {DomainError} `image-not-shareable` */
function requireShareable({ id, visibility }: StoredImage, what: string): void {
  if (visibility === 'private' || visibility === 'shared') return;
  throw new DomainError('image-not-shareable', `Not allowed to ${what}.`, { imageId: id, visibility });
}

function checkMember(member: unknown): string {
  if (typeof member !== 'string' || member === '' || [...member].length > memberLimit)
    return invalid('member', `A member must be text of 1 to ${memberLimit} characters.`);
  checkText('member', member);
  return member;
}
