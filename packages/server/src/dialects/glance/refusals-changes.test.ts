import assert from 'node:assert/strict';
import { test } from 'node:test';
import { octets, refusalWorld, schema, testRefusals, unknown } from '../testing-refusals.ts';
import type { Refusal } from '../testing-refusals.ts';

/** Every refusal of patch, data, delete, tags and members: status, exact text, nothing changed. */
const world = await refusalWorld();
const { call, member, stranger, reader, queued, active, guarded, community } = world;

const v21 = { 'content-type': 'application/openstack-images-v2.1-json-patch' };
const v20 = { 'content-type': 'application/openstack-images-v2.0-json-patch' };

const patch = (
  what: string,
  body: unknown,
  status: number,
  text: string | RegExp,
  headers = v21,
  id = queued,
): Refusal => ({
  what: `patch: ${what}`,
  request: ['PATCH', `/v2/images/${id}`],
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers,
  status,
  text,
});
const one = (op: string, path: string, value?: unknown) => [
  { op, path, ...(value === undefined ? {} : { value }) },
];
const verbs = 'It must be one of the following: add, remove, replace.';
const patches: Refusal[] = [
  {
    ...patch(
      'another media type',
      '[]',
      415,
      'The request media type application/json-patch+json is not supported by this server.',
      {
        'content-type': 'application/json-patch+json',
      },
    ),
    answerHeaders: {
      'accept-patch':
        'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
    },
  },
  patch('an object', '{}', 400, 'Request body must be a JSON array of operation objects.'),
  patch('an element that is no object', '[1]', 400, 'Operations must be JSON objects.'),
  patch('no op', [{ path: '/x', value: 'y' }], 400, `Unable to find \`op\` in JSON Schema change. ${verbs}`),
  ...['move', 'copy', 'test'].map((op) =>
    patch(op, [{ op, path: '/x' }], 400, `Invalid operation: \`${op}\`. ${verbs}`),
  ),
  patch('no path', [{ op: 'add', value: 'x' }], 400, "Unable to find 'path' in JSON Schema change"),
  patch('add without a value', one('add', '/x'), 400, 'Operation "add" requires a member named "value".'),
  patch(
    'replace without a value',
    one('replace', '/x'),
    400,
    'Operation "replace" requires a member named "value".',
  ),
  patch('a path without a slash', one('add', 'x', 'y'), 400, 'Pointer `x` does not start with "/".'),
  patch('a path with a slash at its end', one('add', '/x/', 'y'), 400, 'Pointer `/x/` end with "/".'),
  patch(
    'a tilde that escapes nothing',
    one('add', '/a~2b', 'y'),
    400,
    'Pointer `/a~2b` contains "~" not part of a recognized escape sequence.',
  ),
  patch('two levels', one('add', '/x/y', 'z'), 400, "Invalid JSON pointer for this resource: '/x/y'"),
  patch(
    'an element of tags',
    one('add', '/tags/-', 'z'),
    400,
    "Invalid JSON pointer for this resource: '/tags/-'",
  ),
  patch('an empty name', one('add', '/', 'z'), 400, /^Invalid JSON pointer/),
  patch(
    'v2.0 with two verbs',
    [{ add: '/x', remove: '/y', value: 'z' }],
    400,
    'Operation objects must contain only one member named "add", "remove", or "replace".',
    v20,
  ),
  patch(
    'v2.0 with no verb',
    [{ value: 'z' }],
    400,
    'Operation objects must contain exactly one member named "add", "remove", or "replace".',
    v20,
  ),
  patch(
    'v2.0 add of what is there',
    [{ add: '/color', value: 'z' }],
    409,
    'Property color already present.',
    v20,
  ),
  patch('replace of what is not there', one('replace', '/nope', 'x'), 409, 'Property nope does not exist.'),
  patch('remove of what is not there', one('remove', '/nope'), 409, 'Property nope does not exist.'),
  patch('remove of a base attribute', one('remove', '/name'), 403, 'Property name may not be removed.'),
  ...['id', 'status', 'stores', 'checksum', 'os_hash_value', '__image_size'].map((name) =>
    patch(`write ${name}`, one('replace', `/${name}`, 'x'), 403, `Attribute '${name}' is read-only.`),
  ),
  patch('write a reserved name', one('add', '/deleted', 'x'), 403, "Attribute 'deleted' is reserved."),
  patch(
    'write an os_glance name',
    one('add', '/os_glance_x', 'x'),
    403,
    "Attribute 'os_glance_x' is reserved.",
  ),
  patch(
    'add a location',
    one('add', '/locations/-', {}),
    403,
    "It's not allowed to add locations if locations are invisible.",
  ),
  patch(
    'a new owner by a member',
    one('replace', '/owner', 'x'),
    403,
    "Owner can't be updated by non admin.",
  ),
  patch(
    'public visibility by a member',
    one('replace', '/visibility', 'public'),
    403,
    'You are not authorized to complete publicize_image action.',
  ),
  patch(
    'a format of an active image',
    one('replace', '/disk_format', 'qcow2'),
    403,
    'Attribute disk_format can be only replaced for a queued image.',
    v21,
    active,
  ),
  patch('a text as flag', one('replace', '/protected', 'true'), 400, schema),
  patch('a number as name', one('replace', '/name', 1), 400, schema),
  patch('a number as property', one('add', '/x', 1), 400, schema),
  {
    ...patch('an image of others', one('add', '/x', 'y'), 403, 'You do not own this image', v21, community),
    caller: stranger,
  },
  {
    ...patch('an invisible image', one('add', '/x', 'y'), 404, `No image found with ID ${queued}`),
    caller: stranger,
  },
  {
    ...patch(
      'as reader',
      one('add', '/x', 'y'),
      403,
      'You are not authorized to complete modify_image action.',
    ),
    caller: reader,
  },
];

const file = (
  method: string,
  what: string,
  headers: Record<string, string>,
  status: number,
  text: string | RegExp,
  id = active,
): Refusal => ({
  what: `${method} file: ${what}`,
  request: [method, `/v2/images/${id}/file`],
  ...(method === 'PUT' ? { body: Buffer.from('data') } : {}),
  headers,
  status,
  text,
});
const files: Refusal[] = [
  file(
    'PUT',
    'JSON',
    { 'content-type': 'application/json' },
    415,
    'The request media type application/json is not supported by this server.',
    queued,
  ),
  file('PUT', 'a second time', octets, 409, 'Image status transition from active to saving is not allowed'),
  file(
    'PUT',
    'an unknown store',
    { ...octets, 'x-image-meta-store': 'nope' },
    400,
    'Store for identifier nope not found',
    queued,
  ),
  file(
    'PUT',
    'a size that is no number',
    { ...octets, 'x-openstack-image-size': 'big' },
    400,
    'Invalid or missing image size in request headers.',
    queued,
  ),
  file('PUT', 'an unknown image', octets, 404, `No image found with ID ${unknown}`, unknown),
  {
    ...file(
      'PUT',
      'as reader',
      octets,
      403,
      'You are not authorized to complete upload_image action.',
      queued,
    ),
    caller: reader,
  },
  {
    ...file('GET', 'as reader', {}, 403, 'You are not authorized to complete download_image action.'),
    caller: reader,
  },
  file(
    'GET',
    'a start behind the end',
    { range: 'bytes=10-' },
    416,
    'Invalid start position in Range header. Start position MUST be in the inclusive range [0, 9].',
  ),
  file('GET', 'an end before the start', { range: 'bytes=3-1' }, 416, 'Invalid Range header.'),
  file('GET', 'another unit', { range: 'items=0-1' }, 416, 'Invalid Range header.'),
  file(
    'GET',
    'several ranges',
    { range: 'bytes=0-1,3-4' },
    400,
    /^Requests with multiple ranges are not supported in Glance\./,
  ),
  file(
    'GET',
    'a Content-Range without a total',
    { 'content-range': 'bytes 0-3' },
    416,
    'Invalid Content-Range header.',
  ),
];

const others: Refusal[] = [
  {
    what: 'show an unknown image',
    request: ['GET', `/v2/images/${unknown}`],
    status: 404,
    text: `No image found with ID ${unknown}`,
  },
  {
    what: 'show by name',
    request: ['GET', '/v2/images/debian'],
    status: 404,
    text: 'No image found with ID debian',
  },
  {
    what: 'show an invisible image',
    request: ['GET', `/v2/images/${queued}`],
    caller: stranger,
    status: 404,
    text: `No image found with ID ${queued}`,
  },
  {
    what: 'delete a protected image',
    request: ['DELETE', `/v2/images/${guarded}`],
    status: 403,
    code: 'IMG.0028',
    text: `Image ${guarded} is protected and cannot be deleted.`,
  },
  {
    what: 'delete an unknown image',
    request: ['DELETE', `/v2/images/${unknown}`],
    status: 404,
    text: `Failed to find image ${unknown} to delete`,
  },
  {
    what: 'delete an image of others',
    request: ['DELETE', `/v2/images/${community}`],
    caller: stranger,
    status: 403,
    text: 'You do not own this image',
  },
  {
    what: 'tag an invisible image',
    request: ['PUT', `/v2/images/${queued}/tags/x`],
    caller: stranger,
    status: 404,
    text: `Image ${queued} not found.`,
  },
  {
    what: 'share with nobody',
    request: ['POST', `/v2/images/${queued}/members`],
    body: {},
    status: 400,
    text: 'Member to be added not specified',
  },
  {
    what: 'share with an empty name',
    request: ['POST', `/v2/images/${queued}/members`],
    body: { member: '' },
    status: 400,
    text: "Member can't be empty",
  },
  {
    what: 'share a community image',
    request: ['POST', `/v2/images/${community}/members`],
    body: { member: 'x' },
    status: 403,
    text: `Not allowed to create members for image ${community}.`,
  },
  {
    what: 'show an unknown member',
    request: ['GET', `/v2/images/${queued}/members/x`],
    status: 404,
    text: `x not found in the member list of the image ${queued}.`,
  },
  {
    what: 'a status that is none',
    request: ['PUT', `/v2/images/${queued}/members/x`],
    body: { status: 'maybe' },
    status: 400,
    text: 'Incorrect request: Status must be "pending", "accepted" or "rejected".',
  },
  {
    what: 'a slash at the end',
    request: ['GET', '/v2/images/'],
    status: 404,
    text: 'The resource could not be found.',
  },
  {
    what: 'an unknown path',
    request: ['GET', '/v2/nothing'],
    status: 404,
    text: 'The resource could not be found.',
  },
  {
    what: 'a wrong method',
    request: ['PUT', '/v2/images'],
    status: 405,
    text: 'The method PUT is not allowed for this resource.',
    answerHeaders: { allow: 'GET, POST' },
  },
  { what: 'bad percent-encoding', request: ['GET', '/v2/images/%ff'], status: 400, text: /URL/ },
];

testRefusals(world, [...patches, ...files, ...others]);

test('HEAD of an image is not allowed, OPTIONS names the methods', async () => {
  const head = await call('HEAD', `/v2/images/${queued}`, { caller: member });
  assert.deepEqual([head.status, head.headers.get('allow')], [405, 'DELETE, GET, PATCH']);
  const options = await call('OPTIONS', `/v2/images/${queued}`, { caller: null });
  assert.deepEqual([options.status, options.headers.get('allow')], [200, 'DELETE, GET, PATCH']);
});
