import { DomainError } from '../errors.ts';
import { checkText, invalid } from './attributes.ts';
import type { Visibility } from './record.ts';

const visibilities: readonly string[] = ['private', 'shared', 'community', 'public'] satisfies Visibility[];
const [nameLimit, tagLimit, formatLimit, amountLimit] = [255, 255, 64, 2 ** 31 - 1];

/** What each base attribute may be; all throw {DomainError} `value-invalid` with `{ attribute }`. */
export function checkName(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string' || [...value].length > nameLimit)
    return invalid('name', `The name must be text of at most ${nameLimit} characters.`);
  checkText('name', value);
  return value;
}

export function checkVisibility(value: unknown): Visibility {
  if (typeof value === 'string' && visibilities.includes(value)) return value as Visibility;
  return invalid('visibility', `Invalid visibility value; it must be one of ${visibilities.join(', ')}.`);
}

/** A format's name; which names exist is each API's own list. */
export function checkFormat(attribute: 'disk_format' | 'container_format', value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === 'string' && value.length <= formatLimit && /^[a-z0-9]+$/.test(value)) return value;
  return invalid(attribute, `The value of '${attribute}' must be the name of a format.`);
}

/** @param value GB of `min_disk`, MB of `min_ram` */
export function checkAmount(attribute: 'min_disk' | 'min_ram', value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    return invalid(attribute, `The value of '${attribute}' must be a whole number.`);
  if (value < 0)
    return invalid(
      attribute,
      `Invalid value '${value}' for parameter '${attribute}': Cannot be a negative value`,
    );
  if (value > amountLimit)
    return invalid(attribute, `'${attribute}' value out of range, must not exceed ${amountLimit}.`);
  return value;
}

export function checkFlag(attribute: 'protected' | 'os_hidden', value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  return invalid(attribute, `The value of '${attribute}' must be true or false.`);
}

/** A project's id: never the name of a scope of facets (`*public`). */
export function checkOwner(value: unknown): string {
  if (typeof value === 'string' && /^[^*\p{C}][^\p{C}]{0,254}$/u.test(value)) return value;
  return invalid('owner', 'The owner must be the id of a project.');
}

/**
 * A tag as given, never rewritten.
 * @throws {DomainError} `value-invalid` with `{ attribute: 'tags' }`
 */
export function checkTag(value: unknown): string {
  if (typeof value !== 'string' || value === '' || [...value].length > tagLimit)
    return invalid('tags', `A tag must be text of 1 to ${tagLimit} characters.`);
  checkText('tags', value);
  return value;
}

/**
 * Tags in the order given, the first of equal ones kept.
 * @throws {DomainError} `value-invalid`; `quota-exceeded` with `{ resource: 'tags', attempted, maximum }`
 */
export function checkTags(value: unknown, maximum: number): string[] {
  if (!Array.isArray(value)) return invalid('tags', 'The tags must be a list of texts.');
  const tags = [...new Set(value.map(checkTag))];
  checkCount('tags', tags.length, maximum);
  return tags;
}

/** @throws {DomainError} `quota-exceeded` with `{ resource, attempted, maximum }` */
export function checkCount(
  resource: 'tags' | 'properties' | 'members',
  attempted: number,
  maximum: number,
): void {
  if (attempted <= maximum) return;
  const message = `The limit has been exceeded on the number of allowed image ${resource}. Attempted: ${attempted}, Maximum: ${maximum}`;
  throw new DomainError('quota-exceeded', message, { resource, attempted, maximum });
}
