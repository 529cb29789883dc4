import { randomUUID } from 'node:crypto';
import { insertImage } from '../catalog/images.ts';
import type { StoredImage } from '../catalog/images.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import { reserveImage } from '../quota/images.ts';
import { requirePublicize } from './access.ts';
import { checkProperty, checkWritable, invalid, isUuid } from './attributes.ts';
import type { ImageContext } from './context.ts';
import type { ImageDraft } from './draft.ts';
import { osAttributes } from './os-versions.ts';
import type { Image } from './record.ts';
import type { ImageSettings } from './settings.ts';
import * as check from './values.ts';

/**
 * Metadata without data yet, status `queued` (glance.md 5).
 * @throws {DomainError} `value-invalid`, `image-attribute-read-only`, `image-attribute-reserved`,
 *   `not-authorized`, `quota-exceeded`, `image-id-taken` (by a deleted image too)
 */
export async function createImage(context: ImageContext, actor: Actor, draft: ImageDraft): Promise<Image> {
  const { catalog, settings } = context;
  const image = newImage(context, actor, draft);
  await catalog.write(async (tx) => {
    await reserveImage(tx, image.owner, settings.imagesPerProject);
    if (await insertImage(tx, catalog.engine, image)) return;
    throw new DomainError('image-id-taken', `Image ID ${image.id} already exists!`, { imageId: image.id });
  });
  return image;
}

function newImage({ settings, now }: ImageContext, actor: Actor, draft: ImageDraft): StoredImage {
  const owner = newOwner(actor, draft.owner);
  const visibility = check.checkVisibility(draft.visibility ?? settings.defaultVisibility);
  if (visibility === 'public') requirePublicize(actor);
  const { diskFormat = settings.defaultDiskFormat, containerFormat = settings.defaultContainerFormat } =
    draft;
  const createdAt = now();
  return {
    id: newId(draft.id),
    owner,
    name: check.checkName(draft.name ?? null),
    status: 'queued',
    visibility,
    isSharedByMembers: false,
    isProtected: draft.isProtected ?? false,
    isHidden: draft.isHidden ?? false,
    containerFormat: check.checkFormat('container_format', containerFormat),
    diskFormat: check.checkFormat('disk_format', diskFormat),
    diskFormatStated: typeof draft.diskFormat === 'string',
    minDiskGb: check.checkAmount('min_disk', draft.minDiskGb ?? 0),
    minRamMb: check.checkAmount('min_ram', draft.minRamMb ?? 0),
    sizeBytes: null,
    virtualSizeBytes: null,
    md5: null,
    hashAlgorithm: null,
    hashValue: null,
    blobId: null,
    createdAt,
    updatedAt: createdAt,
    activeAt: null,
    deletedAt: null,
    tags: check.checkTags(draft.tags ?? [], settings.tagsPerImage),
    ...newProperties(draft.properties ?? {}, diskFormat, settings),
  };
}

function newId(id: string = randomUUID()): string {
  return isUuid(id) ? id.toLowerCase() : invalid('id', `The id must be a UUID, not '${id.slice(0, 64)}'.`);
}

function newOwner(actor: Actor, wanted: string | undefined): string {
  const owner = wanted ?? actor.projectId;
  if (owner === undefined) {
    const message = 'An image belongs to a project, and these credentials are for none.';
    throw new DomainError('not-authorized', message, { operation: 'add_image' });
  }
  if (!actor.isAdmin && owner !== actor.projectId) {
    const message = `You are not permitted to create images owned by '${owner}'.`;
    throw new DomainError('not-authorized', message, { owner });
  }
  return check.checkOwner(owner);
}

function newProperties(
  given: Readonly<Record<string, string>>,
  diskFormat: string | null,
  settings: ImageSettings,
): Pick<Image, 'properties' | 'platformProperties'> {
  for (const [name, value] of Object.entries(given)) {
    checkWritable(name, 'create');
    checkProperty(name, value);
  }
  check.checkCount('properties', Object.keys(given).length, settings.propertiesPerImage);
  const made = settings.platformAttributes
    ? { ...osAttributes(given['__os_version']), virtual_env_type: virtualEnvironment(diskFormat) }
    : {};
  const platformProperties = Object.keys(made).filter((name) => !Object.hasOwn(given, name));
  return { properties: { ...made, ...given }, platformProperties };
}

/** What the image is for, as far as its format tells. */
export function virtualEnvironment(diskFormat: string | null): string {
  return diskFormat === 'iso' ? 'IsoImage' : 'FusionCompute';
}
