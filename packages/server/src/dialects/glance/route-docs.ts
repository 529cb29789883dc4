import { STATUS_CODES } from 'node:http';
import {
  createImageBody,
  glanceError,
  imageSchema,
  memberBody,
  memberStatusBody,
  patchBody,
} from '@imageyard/wire';
import type { Action } from '@imageyard/core';
import { Type } from 'typebox';
import type { TSchema } from 'typebox';

/** Route options: what the OpenAPI document says, who may call, what a refusal is called. */
interface RouteOptions {
  readonly schema: Record<string, unknown>;
  readonly config: {
    readonly isOpen?: boolean;
    readonly action?: Action;
    readonly operation?: string;
    readonly missing?: (id: string) => string;
  };
}

interface Facts {
  readonly body?: TSchema;
  readonly consumes?: readonly string[];
  readonly query?: TSchema;
  readonly reply?: { readonly status: number; readonly schema?: TSchema; readonly text?: string };
  readonly errors?: readonly number[];
}

const imagePath = Type.Object({ image_id: Type.String({ description: 'id of the image' }) });
const memberPath = Type.Object({ image_id: Type.String(), member_id: Type.String() });
const tagPath = Type.Object({ image_id: Type.String(), tag: Type.String() });
const member = Type.Record(Type.String(), Type.String());

function route(
  summary: string,
  config: RouteOptions['config'],
  { body, consumes, query, reply = { status: 200 }, errors = [] }: Facts = {},
  params?: TSchema,
): RouteOptions {
  const response: Record<string, unknown> = {
    [reply.status]: { description: reply.text ?? summary, ...(reply.schema ?? { type: 'null' }) },
  };
  for (const status of [...(config.isOpen ? [] : [401, 403]), ...errors])
    response[status] = { description: STATUS_CODES[status], ...glanceError };
  return {
    schema: {
      summary,
      tags: ['Glance'],
      ...(params ? { params } : {}),
      ...(body ? { body } : {}),
      ...(consumes ? { consumes } : {}),
      ...(query ? { querystring: query } : {}),
      response,
    },
    config,
  };
}

const listFilterNames =
  'name status id container_format disk_format size_min size_max min_disk min_ram checksum owner created_at ' +
  'updated_at tag protected os_hidden visibility member_status sort sort_key sort_dir limit marker';
const listFilters = Type.Object(
  Object.fromEntries(listFilterNames.split(' ').map((name) => [name, Type.Optional(Type.String())])),
  { additionalProperties: Type.String() },
);
const missingForTags = (id: string): string => `Image ${id} not found.`;
const noBody = { status: 204 };
const image = { status: 200, schema: imageSchema };
const versionList = Type.Object({ versions: Type.Array(Type.Unknown()) });

export const hidden: RouteOptions = { schema: { hide: true }, config: { isOpen: true } };
export const versions = route(
  'Versions of the image API',
  { isOpen: true },
  { reply: { status: 300, schema: versionList } },
);
export const health = route('Is the service up', { isOpen: true });
export const schema = route('A JSON schema', {}, { reply: { status: 200, schema: Type.Unknown() } });

export const createImage = route(
  'Create the metadata of an image',
  { action: 'glance-write', operation: 'add_image' },
  { body: createImageBody, reply: { status: 201, schema: imageSchema }, errors: [400, 409, 413] },
);
export const listImages = route(
  'List images',
  { action: 'glance-read', operation: 'get_images' },
  {
    query: listFilters,
    reply: {
      status: 200,
      schema: Type.Object({
        images: Type.Array(imageSchema),
        first: Type.String(),
        next: Type.Optional(Type.String()),
        schema: Type.String(),
      }),
    },
    errors: [400],
  },
);
export const showImage = route(
  'Show an image',
  { action: 'glance-read', operation: 'get_image' },
  { reply: image, errors: [404] },
  imagePath,
);
export const patchImage = route(
  'Change attributes of an image',
  { action: 'glance-write', operation: 'modify_image' },
  { body: patchBody, reply: image, errors: [400, 404, 409, 413, 415] },
  imagePath,
);
export const deleteImage = route(
  'Delete an image',
  {
    action: 'glance-write',
    operation: 'delete_image',
    missing: (id) => `Failed to find image ${id} to delete`,
  },
  { reply: noBody, errors: [404, 409] },
  imagePath,
);
export const uploadFile = route(
  'Upload the data of an image',
  { action: 'glance-write', operation: 'upload_image' },
  {
    body: Type.Unsafe({ type: 'string', format: 'binary' }),
    consumes: ['application/octet-stream'],
    reply: noBody,
    errors: [400, 404, 409, 410, 413, 415],
  },
  imagePath,
);
export const downloadFile = route(
  'Download the data of an image',
  { action: 'glance-download', operation: 'download_image' },
  {
    reply: { status: 200, text: 'the stored bytes; 206 for a range, 204 without data' },
    errors: [400, 404, 416],
  },
  imagePath,
);
export const headFile = route(
  'Size and hashes of the data of an image',
  { action: 'glance-download', operation: 'download_image' },
  { errors: [404] },
  imagePath,
);
export const addTag = route(
  'Add a tag',
  { action: 'glance-write', operation: 'modify_image', missing: missingForTags },
  { reply: noBody, errors: [400, 404, 413] },
  tagPath,
);
export const removeTag = route(
  'Remove a tag',
  { action: 'glance-write', operation: 'modify_image', missing: missingForTags },
  { reply: noBody, errors: [404] },
  tagPath,
);
export const addMember = route(
  'Share an image with a project',
  { action: 'glance-write', operation: 'add_member' },
  { body: memberBody, reply: { status: 200, schema: member }, errors: [400, 404, 409, 413] },
  imagePath,
);
export const listMembers = route(
  'List the projects an image is shared with',
  { action: 'glance-read', operation: 'get_members' },
  { errors: [404] },
  imagePath,
);
export const showMember = route(
  'Show a member',
  { action: 'glance-read', operation: 'get_member' },
  { reply: { status: 200, schema: member }, errors: [404] },
  memberPath,
);
export const updateMember = route(
  'Accept or reject a shared image',
  { action: 'glance-write', operation: 'modify_member' },
  { body: memberStatusBody, reply: { status: 200, schema: member }, errors: [400, 404] },
  memberPath,
);
export const removeMember = route(
  'Stop sharing an image with a project',
  { action: 'glance-write', operation: 'delete_member' },
  { reply: noBody, errors: [404] },
  memberPath,
);
