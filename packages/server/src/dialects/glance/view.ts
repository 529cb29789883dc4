import type { Image } from '@imageyard/core';
import type { WireImage } from '@imageyard/wire';
import { platformAttributes } from './platform.ts';

/** Which of the two worlds a listener answers in, where they differ. */
export type ImageDialect = 'otc' | 'glance';

/** UTC without a fraction: Go clients read exactly this form. */
export function wireTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/**
 * An image as both APIs show it: Glance's object with its nine nulls, the platform's `__*` strings
 * (dialect `otc`), every extension attribute. What is unset otherwise is left out.
 */
export function imageView(image: Image, dialect: ImageDialect): WireImage {
  const self = `/v2/images/${image.id}`;
  return {
    ...(dialect === 'otc' ? platformAttributes(image) : {}),
    ...propertiesOf(image, dialect),
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.owner,
    protected: image.isProtected,
    os_hidden: image.isHidden,
    container_format: image.containerFormat as WireImage['container_format'],
    disk_format: image.diskFormat as WireImage['disk_format'],
    min_disk: image.minDiskGb,
    min_ram: image.minRamMb,
    size: image.sizeBytes,
    virtual_size: image.virtualSizeBytes,
    checksum: image.md5,
    os_hash_algo: image.hashAlgorithm,
    os_hash_value: image.hashValue,
    tags: [...image.tags],
    created_at: wireTime(image.createdAt),
    updated_at: wireTime(image.updatedAt),
    ...(dialect === 'otc' && image.activeAt !== null ? { active_at: wireTime(image.activeAt) } : {}),
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
  };
}

/** What callers wrote; in dialect `otc` also what the platform added under names of its own. */
function propertiesOf(image: Image, dialect: ImageDialect): Readonly<Record<string, string>> {
  if (dialect === 'otc' || image.platformProperties.length === 0) return image.properties;
  const hidden = new Set(image.platformProperties);
  return Object.fromEntries(Object.entries(image.properties).filter(([name]) => !hidden.has(name)));
}
