/** Attributes that only the service sets: writing one is 403 "read-only". */
export const readOnlyNames: ReadonlySet<string> = new Set([
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
  'os_hash_algo',
  'os_hash_value',
  // the platform's own facts about an image
  'active_at',
  '__isregistered',
  '__imagetype',
  '__image_source_type',
  '__image_size',
  '__image_location',
  '__data_origin',
  '__root_origin',
]);

const reservedNames: ReadonlySet<string> = new Set(['location', 'locations', 'deleted', 'deleted_at']);

/** Names that no caller may write: 403 "reserved". */
export const isReservedName = (name: string): boolean =>
  reservedNames.has(name) || name.startsWith('os_glance');

/** Attributes that every image has: they can be replaced but not removed. */
export const baseNames: ReadonlySet<string> = new Set([
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
]);
