import { checkWritable, isBaseAttribute } from '@imageyard/core';
import type { ImageDraft } from '@imageyard/core';
import type { CreateImageBody } from '@imageyard/wire';
import { checkAttribute } from './attributes.ts';
import { GlanceError } from './errors.ts';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The body of `POST /v2/images`. What it leaves out the image room fills.
 * @throws {DomainError} `image-attribute-read-only`, `image-attribute-reserved`; names are judged before values
 * @throws {GlanceError} 400 for values that break the schema
 */
export function parseCreateBody(body: object): ImageDraft {
  if (Array.isArray(body))
    throw new GlanceError(400, "Provided object does not match schema 'image': it is not an object");
  const names = Object.keys(body);
  for (const name of names) checkWritable(name, 'create');
  const values = body as Record<string, unknown>;
  for (const name of names) checkValue(name, values[name]);
  return draftOf(values as CreateImageBody);
}

function checkValue(name: string, value: unknown): void {
  if (name !== 'id') return checkAttribute(name, value);
  if (typeof value !== 'string' || !uuid.test(value))
    throw new GlanceError(400, "Provided object does not match schema 'image': id must be a UUID");
}

function draftOf(body: CreateImageBody): ImageDraft {
  const properties = Object.fromEntries(
    Object.entries(body).filter(([name, value]) => !isBaseAttribute(name) && value !== null),
  ) as Record<string, string>;
  return {
    id: body.id?.toLowerCase(),
    name: body.name,
    owner: body.owner ?? undefined,
    visibility: body.visibility,
    isProtected: body.protected,
    isHidden: body.os_hidden,
    containerFormat: body.container_format,
    diskFormat: body.disk_format,
    minDiskGb: body.min_disk,
    minRamMb: body.min_ram,
    tags: body.tags,
    properties,
  };
}
