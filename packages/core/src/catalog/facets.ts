import { createHash } from 'node:crypto';
import type { Image } from '../image/record.ts';

/**
 * A facet is one exact value of an image as a text: of a column, a tag, or any property. Exact
 * filters of lists go through facets, so that each finds its images by an index. They are derived:
 * the row is the truth, and `imageFacets` makes them from it.
 */
export type Facet = string;

/** Longer values are kept as their SHA-256: an index entry stays small, and equality stays exact. */
const valueLimitBytes = 200;
const separator = '\u001f';

/** Columns that have facets; the values named here are too common to be worth one. */
const commonValues = {
  name: undefined,
  status: 'active',
  visibility: 'private',
  container_format: 'bare',
  disk_format: undefined,
  protected: 'false',
  hidden: 'false',
  min_disk: '0',
  min_ram: '0',
  checksum: undefined,
} as const;
export type FacetColumn = keyof typeof commonValues;

/** @returns undefined for a value that has no facet: look at the column itself */
export function columnFacet(column: FacetColumn, value: string): Facet | undefined {
  return value === commonValues[column] ? undefined : facet('c', column, value);
}

export function tagFacet(tag: string): Facet {
  return facet('t', '', tag);
}

export function propertyFacet(name: string, value: string): Facet {
  return facet('p', name, value);
}

/** The facet of a deleted image, which only lists of deleted images look for. */
export function deletedFacet(live: Facet): Facet {
  return `d${live}`;
}

/** All facets of an image, sorted, without duplicates. */
export function imageFacets(image: Image): Facet[] {
  const columns: [FacetColumn, string | null][] = [
    ['name', image.name],
    ['status', image.status],
    ['visibility', image.visibility],
    ['container_format', image.containerFormat],
    ['disk_format', image.diskFormat],
    ['protected', String(image.isProtected)],
    ['hidden', String(image.isHidden)],
    ['min_disk', String(image.minDiskGb)],
    ['min_ram', String(image.minRamMb)],
    ['checksum', image.md5],
  ];
  const found = new Set<Facet>();
  for (const [column, value] of columns) {
    const made = value === null ? undefined : columnFacet(column, value);
    if (made !== undefined) found.add(made);
  }
  for (const tag of image.tags) found.add(tagFacet(tag));
  for (const [name, value] of Object.entries(image.properties)) found.add(propertyFacet(name, value));
  const all = [...found].sort();
  return image.status === 'deleted' ? all.map(deletedFacet) : all;
}

function facet(kind: 'c' | 't' | 'p', name: string, value: string): Facet {
  const isShort = Buffer.byteLength(value) <= valueLimitBytes;
  const kept = isShort ? `=${value}` : `#${createHash('sha256').update(value).digest('hex')}`;
  return `${kind}${name}${separator}${kept}`;
}
