import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { octets, refusalWorld, schema, testRefusals, unknown } from '../testing-refusals.ts';
import type { Refusal } from '../testing-refusals.ts';

/** Every refusal of create and list: status, exact text, nothing changed. */
const world = await refusalWorld();
const { service, call, made, member, reader, queued } = world;

const create = (what: string, body: unknown, status: number, text: string | RegExp): Refusal => ({
  what: `create with ${what}`,
  request: ['POST', '/v2/images'],
  body,
  status,
  text,
});
const readOnly = (name: string): Refusal =>
  create(`"${name}"`, { [name]: 'x' }, 403, `Attribute '${name}' is read-only.`);
const reserved = (name: string, value: unknown = 'x'): Refusal =>
  create(`"${name}"`, { [name]: value }, 403, `Attribute '${name}' is reserved.`);
const creations: Refusal[] = [
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

const list = (query: string, status: number, text: string | RegExp): Refusal => ({
  what: `list with ${query}`,
  request: ['GET', `/v2/images?${query}`],
  status,
  text,
});
const keys = 'name, status, container_format, disk_format, size, id, created_at, updated_at';
const lists: Refusal[] = [
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

testRefusals(world, [...creations, ...lists]);

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
