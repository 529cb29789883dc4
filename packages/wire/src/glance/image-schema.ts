import { Type } from 'typebox';

const uuidPattern = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$';

export const visibilities = ['community', 'public', 'private', 'shared'] as const;
export const wireStatuses = [
  'queued',
  'saving',
  'active',
  'killed',
  'deleted',
  'uploading',
  'importing',
  'pending_delete',
  'deactivated',
] as const;
export const containerFormats = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const;
/** Upstream's list, then the formats that only this service stores. */
export const diskFormats = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'iso',
  'ploop',
  'zvhd',
  'zvhd2',
  'qed',
  'qcow',
] as const;

/** A value that is null until it is known: one JSON Schema type list, as Glance publishes it. */
const nullable = <T>(type: 'string' | 'integer', options: Record<string, unknown>) =>
  Type.Unsafe<T | null>({ type: ['null', type], ...options });
const nullableEnum = <T extends string>(values: readonly T[], options: Record<string, unknown>) =>
  Type.Unsafe<T | null>({ type: ['null', 'string'], enum: [null, ...values], ...options });
const wellKnown = (description: string) => Type.Optional(Type.String({ description, is_base: false }));
const readOnly = { readOnly: true };

/** Properties of an image as `GET /v2/schemas/image` publishes them. */
export const imageProperties = {
  id: Type.String({ description: 'An identifier for the image', pattern: uuidPattern }),
  name: nullable<string>('string', { description: 'Descriptive name for the image', maxLength: 255 }),
  status: Type.Unsafe<(typeof wireStatuses)[number]>({
    type: 'string',
    enum: [...wireStatuses],
    description: 'Status of the image',
    ...readOnly,
  }),
  visibility: Type.Unsafe<(typeof visibilities)[number]>({
    type: 'string',
    enum: [...visibilities],
    description: 'Scope of image accessibility',
  }),
  protected: Type.Boolean({ description: 'If true, image will not be deletable.' }),
  os_hidden: Type.Boolean({ description: 'If true, image will not appear in default image list response.' }),
  checksum: nullable<string>('string', {
    description: 'md5 hash of image contents.',
    maxLength: 32,
    ...readOnly,
  }),
  os_hash_algo: nullable<string>('string', {
    description: 'Algorithm to calculate the os_hash_value',
    maxLength: 64,
    ...readOnly,
  }),
  os_hash_value: nullable<string>('string', {
    description: 'Hexdigest of the image contents using the algorithm specified by the os_hash_algo',
    maxLength: 128,
    ...readOnly,
  }),
  owner: nullable<string>('string', { description: 'Owner of the image', maxLength: 255 }),
  size: nullable<number>('integer', { description: 'Size of image file in bytes', ...readOnly }),
  virtual_size: nullable<number>('integer', { description: 'Virtual size of image in bytes', ...readOnly }),
  container_format: nullableEnum(containerFormats, { description: 'Format of the container' }),
  disk_format: nullableEnum(diskFormats, { description: 'Format of the disk' }),
  created_at: Type.String({ description: 'Date and time of image registration', ...readOnly }),
  updated_at: Type.String({ description: 'Date and time of the last image modification', ...readOnly }),
  tags: Type.Array(Type.String({ maxLength: 255 }), { description: 'List of strings related to the image' }),
  min_ram: Type.Integer({ description: 'Amount of ram (in MB) required to boot image.' }),
  min_disk: Type.Integer({ description: 'Amount of disk space (in GB) required to boot image.' }),
  self: Type.String({ description: 'An image self url', ...readOnly }),
  file: Type.String({ description: 'An image file url', ...readOnly }),
  schema: Type.String({ description: 'An image schema url', ...readOnly }),
  direct_url: Type.Optional(
    Type.String({ description: 'URL to access the image file kept in external store', ...readOnly }),
  ),
  stores: Type.Optional(Type.String({ description: 'Store in which image data resides', ...readOnly })),
  locations: Type.Optional(
    Type.Array(
      Type.Object({
        url: Type.String({ maxLength: 255 }),
        metadata: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
        validation_data: Type.Optional(
          Type.Object(
            {
              checksum: Type.Optional(Type.String({ minLength: 32, maxLength: 32 })),
              os_hash_algo: Type.String({ maxLength: 64 }),
              os_hash_value: Type.String({ maxLength: 128 }),
            },
            { additionalProperties: false },
          ),
        ),
      }),
      { description: 'A set of URLs to access the image file kept in external store' },
    ),
  ),
  kernel_id: Type.Optional(
    nullable<string>('string', {
      description:
        'ID of image stored in Glance that should be used as the kernel when booting an AMI-style image.',
      pattern: uuidPattern,
      is_base: false,
    }),
  ),
  ramdisk_id: Type.Optional(
    nullable<string>('string', {
      description:
        'ID of image stored in Glance that should be used as the ramdisk when booting an AMI-style image.',
      pattern: uuidPattern,
      is_base: false,
    }),
  ),
  instance_uuid: wellKnown(
    'Metadata which can be used to record which instance this image is associated with.',
  ),
  architecture: wellKnown('Operating system architecture as specified in the documentation of images'),
  os_distro: wellKnown('Common name of operating system distribution'),
  os_version: wellKnown('Operating system version as specified by the distributor.'),
  description: wellKnown('A human-readable string describing this image.'),
  cinder_encryption_key_id: wellKnown(
    'Identifier in the OpenStack Key Management Service for the encryption key',
  ),
  cinder_encryption_key_deletion_policy: wellKnown(
    'States the condition under which the image encryption key will be deleted',
  ),
};

/** Any image answer, native or IMS: nothing outside the listed properties is anything but a string. */
export const imageSchema = Type.Object(imageProperties, {
  $id: 'Image',
  additionalProperties: Type.String(),
});
export type WireImage = Type.Static<typeof imageSchema> & { readonly [extension: string]: unknown };

const imageLinks = [
  { href: '{self}', rel: 'self' },
  { href: '{file}', rel: 'enclosure' },
  { href: '{schema}', rel: 'describedby' },
];
const plainProperties: unknown = structuredClone(imageProperties);

/** Body of `GET /v2/schemas/image`. */
export const publishedImageSchema = {
  name: 'image',
  properties: plainProperties,
  additionalProperties: { type: 'string' },
  links: imageLinks,
};

/** Body of `GET /v2/schemas/images`. */
export const publishedImagesSchema = collection('images', publishedImageSchema);

const memberProperties = {
  member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
  image_id: { type: 'string', description: 'An identifier for the image', pattern: uuidPattern },
  created_at: { type: 'string', description: 'Date and time of image member creation' },
  updated_at: { type: 'string', description: 'Date and time of last modification of image member' },
  status: {
    type: 'string',
    enum: ['pending', 'accepted', 'rejected'],
    description: 'The status of this image member',
  },
  schema: { type: 'string', readOnly: true },
};

/** Body of `GET /v2/schemas/member`. */
export const publishedMemberSchema = { name: 'member', properties: memberProperties };

/** Body of `GET /v2/schemas/members`. */
export const publishedMembersSchema = {
  name: 'members',
  properties: {
    members: { type: 'array', items: publishedMemberSchema },
    schema: { type: 'string' },
  },
  links: [{ href: '{schema}', rel: 'describedby' }],
};

function collection(name: string, item: object) {
  return {
    name,
    properties: {
      [name]: { type: 'array', items: item },
      schema: { type: 'string' },
      next: { type: 'string' },
      first: { type: 'string' },
    },
    links: [
      { href: '{first}', rel: 'first' },
      { href: '{next}', rel: 'next' },
      { href: '{schema}', rel: 'describedby' },
    ],
  };
}
