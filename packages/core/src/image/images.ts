import type { Catalog, Tx } from '../catalog/database.ts';
import type { Actor } from '../identity/actor.ts';
import { imagesUsed } from '../quota/images.ts';
import { visibleImage } from './access.ts';
import type { ImageContext } from './context.ts';
import { createImage } from './create.ts';
import type { ImageChange, ImageDraft } from './draft.ts';
import type { ImageListQuery } from './list-query.ts';
import { listImages } from './list.ts';
import { createMembers } from './members.ts';
import type { ImageMembers } from './members.ts';
import type { Image, ImageData } from './record.ts';
import type { ImageSettings } from './settings.ts';
import { createTags } from './tags.ts';
import type { ImageTags } from './tags.ts';
import * as transitions from './transitions.ts';
import type { RemovedImage } from './transitions.ts';
import { updateImage } from './update.ts';
import type { UpdateOptions } from './update.ts';

/** Records about images: who may see and change them, and which status may follow which. */
export interface Images {
  readonly settings: ImageSettings;
  /**
   * Metadata without data, `queued`.
   * @throws {DomainError} `value-invalid`, `image-attribute-read-only`, `image-attribute-reserved`,
   *   `not-authorized`, `quota-exceeded`, `image-id-taken` (by a deleted image too)
   */
  create(actor: Actor, draft: ImageDraft): Promise<Image>;
  /**
   * One image that the caller may see: own, public, community, or shared with his project whatever
   * it answered. @throws {DomainError} `image-not-found`
   */
  get(actor: Actor, id: string): Promise<Image>;
  /** A page of what the caller sees. @throws {DomainError} `image-marker-unknown` */
  list(actor: Actor, query: ImageListQuery): Promise<{ readonly images: readonly Image[] }>;
  /**
   * All changes in their order, or none.
   * @throws {DomainError} `image-not-found`, `image-public`, `image-not-owned`, `image-wrong-state`,
   *   `value-invalid`, `not-authorized`, `quota-exceeded`, `image-attribute-read-only`, `-reserved`,
   *   `-absent`, `-present`
   */
  update(actor: Actor, id: string, changes: readonly ImageChange[], options?: UpdateOptions): Promise<Image>;
  readonly tags: ImageTags;
  readonly members: ImageMembers;
  /** How many images a project has, for its quota. */
  used(project: string): Promise<number>;

  /**
   * In the caller's transaction: the image, locked, that its owner may now give data to.
   * @throws {DomainError} in this order `image-not-found`, `image-public`, `image-not-owned`, `image-wrong-state`
   */
  lockForRegister(tx: Tx, actor: Actor, id: string): Promise<Image>;
  /** `queued` → `saving`. @throws {DomainError} `image-wrong-state`, `image-gone-during-upload` */
  beginSaving(tx: Tx, id: string): Promise<Image>;
  /** `saving` → `active` with all facts. @throws {DomainError} `image-wrong-state`, `image-gone-during-upload` */
  activate(tx: Tx, id: string, data: ImageData): Promise<Image>;
  /** `saving` → `killed`, or back to `queued`; nothing for a deleted image. @throws {DomainError} `image-wrong-state` */
  fail(tx: Tx, id: string, to?: 'killed' | 'queued'): Promise<void>;
  /**
   * Delete in any state, in the caller's transaction.
   * @throws {DomainError} `image-not-found`, `image-public`, `image-not-owned`, `image-protected`
   */
  remove(tx: Tx, actor: Actor, id: string): Promise<RemovedImage>;
}

export interface ImagesOptions {
  readonly catalog: Catalog;
  readonly settings: ImageSettings;
  /** Milliseconds since 1970; default: the system's clock. */
  readonly clock?: () => number;
}

/** Nothing is kept in memory: several may work on one catalogue, with settings of their own. */
export function createImages({ catalog, settings, clock = Date.now }: ImagesOptions): Images {
  const context: ImageContext = { catalog, settings, now: clock };
  return {
    settings,
    create: (actor, draft) => createImage(context, actor, draft),
    get: (actor, id) => visibleImage(catalog.db, actor, id),
    list: (actor, query) => listImages(context, actor, query),
    update: (actor, id, changes, options) =>
      updateImage(context, { actor, id, ...(options ? { options } : {}) }, changes),
    tags: createTags(context),
    members: createMembers(context),
    used: (project) => imagesUsed(catalog, project),
    lockForRegister: (tx, actor, id) => transitions.lockForRegister(context, tx, actor, id),
    beginSaving: (tx, id) => transitions.beginSaving(context, tx, id),
    activate: (tx, id, data) => transitions.activate(context, tx, id, data),
    fail: (tx, id, to) => transitions.fail(context, tx, id, to),
    remove: (tx, actor, id) => transitions.removeIn(context, tx, actor, id),
  };
}
