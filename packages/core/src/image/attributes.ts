import { DomainError } from '../errors.ts';

/** Attributes that every image has; never the name of a property. */
export const baseAttributes = [
  'id',
  'name',
  'visibility',
  'protected',
  'os_hidden',
  'owner',
  'container_format',
  'disk_format',
  'min_disk',
  'min_ram',
  'tags',
] as const;
export type BaseAttribute = (typeof baseAttributes)[number];

const base: ReadonlySet<string> = new Set(baseAttributes);

/** What only the service knows. */
const readOnly: ReadonlySet<string> = new Set([
  'id',
  'self',
  'file',
  'schema',
  'stores',
  'direct_url',
  'status',
  'size',
  'virtual_size',
  'checksum',
  'created_at',
  'updated_at',
  'active_at',
  'os_hash_algo',
  'os_hash_value',
  'os_hash_sha256',
  // The platform's own (IMS 3.3): callers read them.
  '__account_code',
  '__backup_id',
  '__data_origin',
  '__image_location',
  '__image_size',
  '__image_source_type',
  '__imagetype',
  '__isregistered',
  '__lazyloading',
  '__originalimagename',
  '__os_feature_list',
  '__productcode',
  '__root_origin',
  '__sequence_num',
  '__system__cmkid',
  '__whole_image',
  'virtual_env_type',
]);

/** Set at creation, never changed. */
const fixed: ReadonlySet<string> = new Set(['__os_version', '__os_type', '__os_bit', '__platform']);

const reserved: ReadonlySet<string> = new Set(['location', 'locations', 'deleted', 'deleted_at']);

/** Longest name and value of a property, in characters. */
const [nameLimit, valueLimit, descriptionLimit] = [255, 65_535, 1024];

export function isBaseAttribute(name: string): name is BaseAttribute {
  return base.has(name);
}

/**
 * May callers write this attribute at all?
 * @throws {DomainError} `image-attribute-read-only`, `image-attribute-reserved` with `{ attribute }`
 */
export function checkWritable(name: string, when: 'create' | 'update'): void {
  if (name === 'id' && when === 'create') return;
  if (readOnly.has(name) || (fixed.has(name) && when === 'update'))
    throw new DomainError('image-attribute-read-only', `Attribute '${name}' is read-only.`, {
      attribute: name,
    });
  if (reserved.has(name) || name.startsWith('os_glance'))
    throw new DomainError('image-attribute-reserved', `Attribute '${name}' is reserved.`, {
      attribute: name,
    });
}

/**
 * Check name and value of a property as a caller gives it.
 * @throws {DomainError} `value-invalid` with `{ attribute }`
 */
export function checkProperty(name: string, value: unknown): asserts value is string {
  const refuse = (message: string): never => invalid(name, message);
  if (name === '' || name === '__proto__' || base.has(name))
    refuse(`'${name}' can't be the name of a property.`);
  if (hasControls(name)) refuse('The name of a property must not have control characters.');
  if ([...name].length > nameLimit)
    refuse(`Custom property should not be greater than ${nameLimit} characters.`);
  if (typeof value !== 'string') return refuse(`The value of '${name}' must be a string.`);
  if (value.length > valueLimit)
    refuse(`The value of '${name}' must not have more than ${valueLimit} characters.`);
  checkText(name, value);
  if (name === '__description') checkDescription(value);
  if ((name === 'kernel_id' || name === 'ramdisk_id') && !isUuid(value))
    refuse(`The value of '${name}' must be the id of an image.`);
}

function checkDescription(text: string): void {
  if ([...text].length > descriptionLimit)
    invalid('__description', `The description must not have more than ${descriptionLimit} characters.`);
  if (/[\r\n<>]/.test(text)) invalid('__description', 'The description must not have line breaks, < or >.');
}

/**
 * A text that both engines store and JSON carries: no NUL, no half of a surrogate pair.
 * @throws {DomainError} `value-invalid` with `{ attribute }`
 */
export function checkText(attribute: string, text: string): void {
  if (text.includes('\0') || !text.isWellFormed())
    invalid(attribute, `The value of '${attribute}' must be Unicode text without NUL.`);
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text) || !text.isWellFormed();
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** @throws {DomainError} `value-invalid` with `{ attribute }` */
export function invalid(attribute: string, message: string): never {
  throw new DomainError('value-invalid', message, { attribute });
}
