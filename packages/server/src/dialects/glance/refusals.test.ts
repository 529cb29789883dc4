import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startService } from '../testing.ts';

/** Every refusal of the native API that the request itself earns: status, exact text, nothing changed. */
const service = await startService();
const { call } = service;
const member = await service.newCaller(['member']);
const stranger = await service.newCaller(['member']);
const reader = await service.newCaller(['reader'], member.projectId);

const made = async (body: Record<string, unknown>, caller = member): Promise<string> =>
  (await call('POST', '/v2/images', { caller, body })).json.id;
const octets = { 'content-type': 'application/octet-stream' };
const v21 = { 'content-type': 'application/openstack-images-v2.1-json-patch' };
const v20 = { 'content-type': 'application/openstack-images-v2.0-json-patch' };

const queued = await made({ name: 'queued', color: 'red' });
const active = await made({ name: 'active', disk_format: 'raw' });
await call('PUT', `/v2/images/${active}/file`, {
  caller: member,
  body: Buffer.from('0123456789'),
  headers: octets,
});
const guarded = await made({ name: 'guarded', protected: true });
const community = await made({ name: 'community', visibility: 'community' });
const unknown = '00000000-0000-4000-8000-000000000000';

interface Row {
  readonly what: string;
  readonly request: readonly [method: string, path: string];
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly caller?: typeof member | null;
  readonly status: number;
  readonly text: string | RegExp;
  /** Code in the body when it is not the status. */
  readonly code?: string;
  readonly answerHeaders?: Record<string, string>;
}

const create = (what: string, body: unknown, status: number, text: string | RegExp): Row => ({
  what: `create with ${what}`,
  request: ['POST', '/v2/images'],
  body,
  status,
  text,
});
const readOnly = (name: string): Row =>
  create(`"${name}"`, { [name]: 'x' }, 403, `Attribute '${name}' is read-only.`);
const reserved = (name: string, value: unknown = 'x'): Row =>
  create(`"${name}"`, { [name]: value }, 403, `Attribute '${name}' is reserved.`);
const schema = /^Provided object does not match schema 'image': /;

const creations: Row[] = [
  create('no body', undefined, 400, 'Body expected in request.'),
  create('broken JSON', '{', 400, 'Malformed JSON in request body.'),
  create('bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'Malformed JSON in request body.'),
  create('a scalar', '7', 400, 'Unexpected body type. Expected list/dict.'),
  create('a list', '[]', 400, schema),
  create('a number as name', { name: 7 }, 400, schema),
  create('a name of 256 characters', { name: 'x'.repeat(256) }, 400, schema),
  create('an unknown format', { disk_format: 'floppy' }, 400, schema),
  create('an unknown container', { container_format: 'box' }, 400, schema),
  create('an unknown visibility', { visibility: 'secret' }, 400, schema),
  create('a text as flag', { protected: 'true' }, 400, schema),
  create('a number as property', { color: 7 }, 400, schema),
  create('null as property', { color: null }, 400, schema),
  create('tags that are no list', { tags: 'a' }, 400, schema),
  create('an id that is no UUID', { id: 'mine' }, 400, schema),
  create('a kernel that is no UUID', { kernel_id: 'mine' }, 400, schema),
  create('an empty property name', { '': 'x' }, 400, schema),
  create('a fraction of a GB', { min_disk: 1.5 }, 400, schema),
  create(
    'min_disk −1',
    { min_disk: -1 },
    400,
    "Invalid value '-1' for parameter 'min_disk': Cannot be a negative value",
  ),
  create(
    'min_ram −1',
    { min_ram: -1 },
    400,
    "Invalid value '-1' for parameter 'min_ram': Cannot be a negative value",
  ),
  create(
    'min_disk 2^31',
    { min_disk: 2 ** 31 },
    400,
    "'min_disk' value out of range, must not exceed 2147483647.",
  ),
  create(
    'a property name of 256 characters',
    { ['x'.repeat(256)]: 'y' },
    400,
    'Custom property should not be greater than 255 characters.',
  ),
  ...['self', 'file', 'schema', 'stores', 'direct_url', 'status', 'checksum', 'created_at', 'updated_at'].map(
    readOnly,
  ),
  ...['os_hash_algo', 'os_hash_value', '__image_size', '__isregistered', '__data_origin'].map(readOnly),
  create('"size"', { size: 5 }, 403, "Attribute 'size' is read-only."),
  create('"virtual_size"', { virtual_size: 5 }, 403, "Attribute 'virtual_size' is read-only."),
  ...['location', 'deleted', 'deleted_at', 'os_glance_foo'].map((name) => reserved(name)),
  reserved('locations', []),
  create(
    'public visibility by a member',
    { visibility: 'public' },
    403,
    'You are not authorized to complete publicize_image action.',
  ),
  create(
    'another owner by a member',
    { owner: 'other' },
    403,
    "You are not permitted to create images owned by 'other'.",
  ),
  create('a taken id', { id: queued }, 409, `Image ID ${queued} already exists!`),
  {
    ...create(
      '11 tags',
      { tags: Array.from({ length: 11 }, (_, i) => `t${i}`) },
      400,
      'The limit has been exceeded on the number of allowed image tags. Attempted: 11, Maximum: 10',
    ),
    code: 'IMG.0116',
  },
  create(
    '129 properties',
    Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`p${i}`, 'x'])),
    413,
    'The limit has been exceeded on the number of allowed image properties. Attempted: 129, Maximum: 128',
  ),
  {
    ...create('a reader’s role', {}, 403, 'You are not authorized to complete add_image action.'),
    caller: reader,
  },
];

const list = (query: string, status: number, text: string | RegExp): Row => ({
  what: `list with ${query}`,
  request: ['GET', `/v2/images?${query}`],
  status,
  text,
});
const keys = 'name, status, container_format, disk_format, size, id, created_at, updated_at';
const lists: Row[] = [
  list('visibility=foo', 400, 'Invalid visibility value: foo'),
  list('member_status=foo', 400, 'Invalid status: foo'),
  list('name=neq:x', 400, "Unable to filter by unknown operator 'neq'."),
  list('size_min=x', 400, 'Unable to filter on a range with a non-numeric value.'),
  list('created_at=foo:2026-01-01', 400, 'Unable to filter on a unknown operator.'),
  list(
    'created_at=gt:yesterday',
    400,
    'Bad "created_at" query filter format. Use ISO 8601 DateTime notation.',
  ),
  list(
    'protected=maybe',
    400,
    "Invalid value 'maybe' for 'protected' filter. Valid values are 'true' or 'false'.",
  ),
  list(
    'os_hidden=foo',
    400,
    "Invalid value 'foo' for 'os_hidden' filter. Valid values are 'true' or 'false'.",
  ),
  list('changes-since=2026-01-01', 400, 'The "changes-since" filter is no longer available on v2.'),
  list('sort_key=foo', 400, `Invalid sort key: foo. It must be one of the following: ${keys}.`),
  list('sort_key=name&sort_dir=up', 400, 'Invalid sort direction: up'),
  list(
    'sort_key=name&sort_dir=asc&sort_dir=desc',
    400,
    'Number of sort dirs does not match the number of sort keys',
  ),
  list('sort=name&sort_key=size', 400, 'Old and new sorting syntax cannot be combined'),
  list('limit=-1', 400, 'limit param must be positive'),
  list('limit=ten', 400, 'limit param must be an integer'),
  list('marker=nope', 400, 'No image found with ID nope'),
  list(`marker=${unknown}`, 400, `No image found with ID ${unknown}`),
  list('name=%ff', 400, /percent-encoded/),
];

const patch = (
  what: string,
  body: unknown,
  status: number,
  text: string | RegExp,
  headers = v21,
  id = queued,
): Row => ({
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
const patches: Row[] = [
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
): Row => ({
  what: `${method} file: ${what}`,
  request: [method, `/v2/images/${id}/file`],
  ...(method === 'PUT' ? { body: Buffer.from('data') } : {}),
  headers,
  status,
  text,
});
const files: Row[] = [
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

const others: Row[] = [
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

for (const row of [...creations, ...lists, ...patches, ...files, ...others])
  test(`${row.what} is refused with ${row.status}, and nothing changes`, async () => {
    const before = await service.state();
    const { caller = member, body, headers } = row;
    const answer = await call(...row.request, { caller, body, headers: headers ?? {} });
    assert.equal(answer.status, row.status, answer.text);
    assert.deepEqual(Object.keys(answer.json), ['error'], answer.text);
    assert.equal(answer.json.error.code, row.code ?? String(row.status));
    if (typeof row.text === 'string') assert.equal(answer.json.error.message, row.text);
    else assert.match(answer.json.error.message, row.text);
    for (const [name, value] of Object.entries(row.answerHeaders ?? {}))
      assert.equal(answer.headers.get(name), value);
    assert.match(answer.headers.get('x-openstack-request-id') ?? '', /^req-/);
    assert.deepEqual(await service.state(), before);
  });

test('HEAD of an image is not allowed, OPTIONS names the methods', async () => {
  const head = await call('HEAD', `/v2/images/${queued}`, { caller: member });
  assert.deepEqual([head.status, head.headers.get('allow')], [405, 'DELETE, GET, PATCH']);
  const options = await call('OPTIONS', `/v2/images/${queued}`, { caller: null });
  assert.deepEqual([options.status, options.headers.get('allow')], [200, 'DELETE, GET, PATCH']);
});

test('without a good token every call is 401 in the gateway’s shape and names the identity service', async () => {
  for (const caller of [null, { token: 'iy_nonsense' }]) {
    const answer = await call('GET', '/v2/images', { caller });
    assert.equal(answer.status, 401);
    assert.equal(answer.json.error_code, 'APIGW.0301');
    assert.match(answer.json.error_msg, caller ? /decrypt token fail$/ : /x-auth-token not found$/);
    assert.equal(answer.headers.get('www-authenticate'), `Keystone uri="${service.url}/v3"`);
  }
});

test('data that is not what was declared kills the image with 415, and nothing is left in the store', async () => {
  const id = await made({ disk_format: 'qcow2' });
  const answer = await call('PUT', `/v2/images/${id}/file`, {
    caller: member,
    body: Buffer.alloc(2048, 1),
    headers: octets,
  });
  assert.equal(answer.status, 415);
  assert.match(answer.json.error.message, /declared qcow2/);
  assert.equal((await call('GET', `/v2/images/${id}`, { caller: member })).json.status, 'killed');
});

test('a content type that names none does not matter', async () => {
  const answer = await call('POST', '/v2/images', {
    caller: member,
    body: '{}',
    headers: { 'content-type': 'json' },
  });
  assert.equal(answer.status, 201, answer.text);
});

test('an id that a deleted image had stays taken', async () => {
  const id = randomUUID();
  await made({ id });
  await call('DELETE', `/v2/images/${id}`, { caller: member });
  const again = await call('POST', '/v2/images', { caller: member, body: { id } });
  assert.deepEqual([again.status, again.json.error.message], [409, `Image ID ${id} already exists!`]);
});
