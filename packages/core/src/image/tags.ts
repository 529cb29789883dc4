import { saveImage } from '../catalog/images.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import type { ImageContext } from './context.ts';
import { lockOwned } from './transitions.ts';
import { checkTag, checkTags } from './values.ts';

/** Tags of an image, in their order. All throw `image-not-found`, `image-public`, `image-not-owned`. */
export interface ImageTags {
  /**
   * Add a tag; one that is there stays.
   * @param options.replacesKey take away another tag of the same key (`k=old` for `k=new`), in its place
   * @throws {DomainError} `value-invalid`, `quota-exceeded`
   */
  add(actor: Actor, id: string, tag: string, options?: { readonly replacesKey?: boolean }): Promise<void>;
  /** @throws {DomainError} `tag-not-found` with `{ imageId, tag }` */
  remove(actor: Actor, id: string, tag: string): Promise<void>;
  /** @throws {DomainError} `value-invalid`, `quota-exceeded` */
  replace(actor: Actor, id: string, tags: readonly string[]): Promise<void>;
}

/** The key of a tag: what stands before the first `=`, else the whole (IMS 9.1). */
export function tagKey(tag: string): string {
  return tag.split('=', 1)[0]!;
}

export function createTags(context: ImageContext): ImageTags {
  const change = (actor: Actor, id: string, next: (tags: readonly string[], id: string) => string[]) =>
    context.catalog.write(async (tx) => {
      const before = await lockOwned(context, tx, actor, id);
      // Under a limit that was lowered, an image keeps what it has.
      const tagsPerImage = Math.max(context.settings.tagsPerImage, before.tags.length);
      const tags = checkTags(next(before.tags, before.id), tagsPerImage);
      if (tags.length === before.tags.length && tags.every((tag, i) => tag === before.tags[i])) return;
      const after = { ...before, tags, updatedAt: context.now() };
      await saveImage(tx, context.catalog.engine, { before, after });
    });
  return {
    async add(actor, id, tag, { replacesKey = false } = {}) {
      checkTag(tag);
      await change(actor, id, (tags) => {
        const at = replacesKey ? tags.findIndex((other) => tagKey(other) === tagKey(tag)) : -1;
        return at < 0 ? [...tags, tag] : tags.with(at, tag);
      });
    },
    remove: (actor, id, tag) =>
      change(actor, id, (tags, imageId) => {
        if (tags.includes(tag)) return tags.filter((other) => other !== tag);
        throw new DomainError('tag-not-found', `Image ${imageId} has no tag '${tag}'.`, { imageId, tag });
      }),
    replace: (actor, id, tags) => change(actor, id, () => [...tags]),
  };
}
