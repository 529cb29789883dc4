import { saveImage } from '../catalog/images.ts';
import type { StoredImage } from '../catalog/images.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import { releaseImage, reserveImage } from '../quota/images.ts';
import { requirePublicize } from './access.ts';
import { checkProperty, checkWritable, isBaseAttribute } from './attributes.ts';
import type { BaseAttribute } from './attributes.ts';
import type { ImageContext } from './context.ts';
import { virtualEnvironment } from './create.ts';
import type { ImageChange } from './draft.ts';
import { checkPlatformAttributes, checkPlatformUpdate } from './platform-rules.ts';
import type { Image, ImageStatus } from './record.ts';
import { lockOwned } from './transitions.ts';
import * as check from './values.ts';

export interface UpdateOptions {
  /** Refuse an image in another state with `image-wrong-state` (IMS: `active`). */
  readonly onlyIn?: ImageStatus;
  /** `ims`: the narrower list of attributes of the IMS call; default: Glance's. */
  readonly rules?: 'glance' | 'ims';
}

/**
 * All changes in their order, or none (glance.md 7.2, IMS 6.2). No change leaves `updatedAt` alone.
 * @throws {DomainError} `image-not-found`, `image-public`, `image-not-owned`, `image-wrong-state`,
 *   `value-invalid`, `not-authorized`, `quota-exceeded`, `image-attribute-read-only`, `-reserved`,
 *   `-absent`, `-present`
 */
export async function updateImage(
  context: ImageContext,
  {
    actor,
    id,
    options = {},
  }: { readonly actor: Actor; readonly id: string; readonly options?: UpdateOptions },
  changes: readonly ImageChange[],
): Promise<Image> {
  const { catalog, settings, now } = context;
  return catalog.write(async (tx) => {
    const before = await lockOwned(context, tx, actor, id);
    if (options.onlyIn !== undefined && before.status !== options.onlyIn) {
      const message = `Image ${before.id} is ${before.status}; only an image that is ${options.onlyIn} can be changed`;
      const facts = { imageId: before.id, status: before.status, wanted: options.onlyIn };
      throw new DomainError('image-wrong-state', message, facts);
    }
    if (changes.length === 0) return before;
    const draft: Draft = { ...before, properties: new Map(Object.entries(before.properties)) };
    for (const change of changes) {
      if (options.rules === 'ims') checkPlatformUpdate(change.name);
      applyChange(draft, change, { context, actor });
    }
    const after = { ...finish(draft, before), updatedAt: now() };
    check.checkCount('properties', ownCount(after), Math.max(settings.propertiesPerImage, ownCount(before)));
    if (options.rules === 'ims') checkPlatformAttributes(after.properties, after.minRamMb);
    await saveImage(tx, catalog.engine, { before, after });
    if (after.owner !== before.owner) {
      await releaseImage(tx, before.owner);
      await reserveImage(tx, after.owner, settings.imagesPerProject);
    }
    return after;
  });
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<Omit<StoredImage, 'properties'>> & { properties: Map<string, string> };

function finish(draft: Draft, before: StoredImage): StoredImage {
  const properties = Object.fromEntries(draft.properties);
  const written = (name: string): boolean => properties[name] !== before.properties[name];
  const platformProperties = before.platformProperties.filter(
    (name) => draft.properties.has(name) && (name === 'virtual_env_type' || !written(name)),
  );
  return { ...draft, properties, platformProperties };
}

/** Attributes that callers wrote, which alone are counted. */
function ownCount({ properties, platformProperties }: Image): number {
  return Object.keys(properties).length - platformProperties.length;
}

interface Change {
  readonly context: ImageContext;
  readonly actor: Actor;
}

function applyChange(draft: Draft, change: ImageChange, { context, actor }: Change): void {
  const { name } = change;
  checkWritable(name, 'update');
  if (isBaseAttribute(name)) {
    if (change.op === 'remove') {
      const message = `Property ${name} may not be removed.`;
      throw new DomainError('image-attribute-read-only', message, { required: name });
    }
    if (change.op === 'insert') throw present(name);
    setBaseAttribute(draft, { name, value: change.value }, { context, actor });
    return;
  }
  const exists = draft.properties.has(name);
  if (!exists && (change.op === 'replace' || change.op === 'remove')) {
    const message = `Property ${name} does not exist.`;
    throw new DomainError('image-attribute-absent', message, { attribute: name });
  }
  if (exists && change.op === 'insert') throw present(name);
  if (change.op === 'remove' || isUnset(name, change.value)) draft.properties.delete(name);
  else {
    checkProperty(name, change.value);
    draft.properties.set(name, change.value);
  }
}

/** These two may be null, which is the same as absent. */
function isUnset(name: string, value: unknown): boolean {
  return value === null && (name === 'kernel_id' || name === 'ramdisk_id');
}

function present(attribute: string): DomainError {
  return new DomainError('image-attribute-present', `Property ${attribute} already present.`, { attribute });
}

function setBaseAttribute(
  draft: Draft,
  { name, value }: { readonly name: BaseAttribute; readonly value: unknown },
  { context, actor }: Change,
): void {
  switch (name) {
    case 'name':
      draft.name = check.checkName(value);
      return;
    case 'protected':
      draft.isProtected = check.checkFlag(name, value);
      return;
    case 'os_hidden':
      draft.isHidden = check.checkFlag(name, value);
      return;
    case 'min_disk':
      draft.minDiskGb = check.checkAmount(name, value);
      return;
    case 'min_ram':
      draft.minRamMb = check.checkAmount(name, value);
      return;
    case 'tags':
      draft.tags = check.checkTags(value, Math.max(context.settings.tagsPerImage, draft.tags.length));
      return;
    case 'visibility':
      draft.visibility = check.checkVisibility(value);
      if (draft.visibility === 'public') requirePublicize(actor);
      draft.isSharedByMembers = false; // what a caller chose stays when the last member goes
      return;
    case 'owner':
      if (!actor.isAdmin)
        throw new DomainError('not-authorized', "Owner can't be updated by non admin.", { attribute: name });
      draft.owner = check.checkOwner(value);
      return;
    case 'disk_format':
    case 'container_format':
      setFormat(draft, name, value);
      return;
    case 'id':
      throw new DomainError('image-attribute-read-only', "Attribute 'id' is read-only.", { attribute: name });
  }
}

function setFormat(draft: Draft, name: 'disk_format' | 'container_format', value: unknown): void {
  if (draft.status !== 'queued') {
    const message = `Attribute ${name} can be only replaced for a queued image.`;
    throw new DomainError('image-attribute-read-only', message, { required: name });
  }
  const format = check.checkFormat(name, value);
  if (name === 'container_format') {
    draft.containerFormat = format;
    return;
  }
  draft.diskFormat = format;
  draft.diskFormatStated = format !== null;
  if (draft.properties.has('virtual_env_type'))
    draft.properties.set('virtual_env_type', virtualEnvironment(format));
}
