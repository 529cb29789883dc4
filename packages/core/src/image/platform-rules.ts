import { DomainError } from '../errors.ts';
import { invalid } from './attributes.ts';

/** What the IMS update call may change besides extension attributes (IMS 3.3, column Update; 6.2). */
const updatable: ReadonlySet<string> = new Set([
  'name',
  'min_disk',
  'min_ram',
  'protected',
  'tags',
  '__description',
  '__is_config_init',
  '__support_amd',
  '__support_diskintensive',
  '__support_fc_inject',
  '__support_highperformance',
  '__support_kvm',
  '__support_kvm_gpu_type',
  '__support_kvm_hi1822_hisriov',
  '__support_kvm_hi1822_hivirtionet',
  '__support_kvm_infiniband',
  '__support_largememory',
  '__support_xen',
  '__support_xen_gpu_type',
  '__support_xen_hana',
]);

/** Base attributes that this call leaves alone. */
const untouched: ReadonlySet<string> = new Set([
  'visibility',
  'owner',
  'os_hidden',
  'disk_format',
  'container_format',
]);

/** Attributes that can't stand together. */
const excluded: readonly (readonly [string, ...string[]])[] = [
  ['__support_xen_gpu_type', '__support_xen', '__support_kvm'],
  ['__support_kvm_gpu_type', '__support_xen', '__support_kvm'],
  ['__support_xen_hana', '__support_xen', '__support_kvm'],
  ['__support_kvm_infiniband', '__support_xen'],
];

/**
 * May the IMS update call write this attribute?
 * @throws {DomainError} `image-attribute-read-only`, `image-attribute-reserved`, `value-invalid`
 */
export function checkPlatformUpdate(attribute: string): void {
  if (updatable.has(attribute)) return;
  if (untouched.has(attribute))
    throw new DomainError('image-attribute-read-only', `Attribute '${attribute}' is read-only.`, {
      attribute,
    });
  if (attribute.startsWith('__'))
    throw new DomainError('image-attribute-reserved', `Attribute '${attribute}' is reserved.`, { attribute });
  if (/\p{Lu}/u.test(attribute))
    invalid(attribute, `The name of '${attribute}' must not have upper-case letters.`);
}

/** @throws {DomainError} `value-invalid` for a pair that excludes each other, for `max_ram` below `min_ram` */
export function checkPlatformAttributes(
  properties: Readonly<Record<string, string>>,
  minRamMb: number,
): void {
  const isSet = (name: string): boolean =>
    Object.hasOwn(properties, name) && properties[name] !== '' && properties[name] !== 'false';
  for (const [name, ...others] of excluded) {
    const other = isSet(name) ? others.find(isSet) : undefined;
    if (other) {
      const message = `'${name}' can't be set together with '${other}'; remove one of them.`;
      throw new DomainError('value-invalid', message, { attribute: name, excludes: other });
    }
  }
  const maxRamMb = Object.hasOwn(properties, 'max_ram') ? Number(properties['max_ram']) : 0;
  if (maxRamMb > 0 && maxRamMb < minRamMb)
    invalid('max_ram', `max_ram (${maxRamMb} MB) must not be below min_ram (${minRamMb} MB).`);
}
