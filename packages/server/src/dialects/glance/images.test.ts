import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { publishedImageSchema } from '@imageyard/wire';
import { Compile } from 'typebox/compile';
import { startService } from '../testing.ts';

const service = await startService();
const { call } = service;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const validator = Compile({
  type: 'object',
  properties: publishedImageSchema.properties,
  additionalProperties: publishedImageSchema.additionalProperties,
} as never);
const errorsOf = (image: unknown) => (validator.Check(image) ? [] : validator.Errors(image));

async function create(body: Record<string, unknown> = {}): Promise<Record<string, unknown> & { id: string }> {
  const made = await call('POST', '/v2/images', { body });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

test('create answers 201 with an absolute Location and an image that obeys the published schema', async () => {
  const made = await call('POST', '/v2/images', {
    body: {
      name: 'debian-golden',
      disk_format: 'qcow2',
      min_disk: 40,
      tags: ['env=prod', 'golden', 'golden'],
      __os_version: 'Debian GNU/Linux 12.0.0 64bit',
      'owner_specified.openstack.md5': '',
    },
  });
  assert.equal(made.status, 201);
  const image = made.json;
  assert.match(image.id, uuid);
  assert.equal(made.headers.get('location'), `${service.url}/v2/images/${image.id}`);
  assert.match(made.headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(
    {
      status: image.status,
      visibility: image.visibility,
      owner: image.owner,
      container: image.container_format,
      size: image.size,
      stored: image.__image_size,
      checksum: image.checksum,
      type: image.__os_type,
      platform: image.__platform,
      bits: image.__os_bit,
      registered: image.__isregistered,
      kind: image.__imagetype,
      env: image.virtual_env_type,
      tags: image.tags,
      empty: image['owner_specified.openstack.md5'],
      self: image.self,
      file: image.file,
      schema: image.schema,
    },
    {
      status: 'queued',
      visibility: 'private',
      owner: service.admin.projectId,
      container: 'bare',
      size: null,
      stored: '0',
      checksum: null,
      type: 'Linux',
      platform: 'Debian',
      bits: '64',
      registered: 'true',
      kind: 'private',
      env: 'FusionCompute',
      tags: ['env=prod', 'golden'],
      empty: '',
      self: `/v2/images/${image.id}`,
      file: `/v2/images/${image.id}/file`,
      schema: '/v2/schemas/image',
    },
  );
  assert.match(image.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(!('__description' in image), 'an absent description must stay absent');
  assert.deepEqual(errorsOf(image), []);
});

test('an image shows the nine nulls, and nothing else is null, a number or a boolean beside the schema', async () => {
  const image = await create();
  const shown = (await call('GET', `/v2/images/${image.id.toUpperCase()}`)).json;
  const nulls = Object.keys(shown).filter((name) => shown[name] === null);
  assert.deepEqual(nulls.sort(), [
    'checksum',
    'name',
    'os_hash_algo',
    'os_hash_value',
    'size',
    'virtual_size',
  ]);
  assert.deepEqual(errorsOf(shown), []);
});

test('upload, show, download, ranges and HEAD agree on size and hashes', async () => {
  const image = await create({ name: 'raw', disk_format: 'raw' });
  const data = Buffer.from('0123456789');
  const path = `/v2/images/${image.id}/file`;
  assert.equal((await call('GET', path)).status, 204, 'no data yet');
  const headers = { 'content-type': 'application/octet-stream' };
  const put = await call('PUT', path, { body: data, headers });
  assert.deepEqual([put.status, put.text], [204, '']);
  const shown = (await call('GET', `/v2/images/${image.id}`)).json;
  const md5 = createHash('md5').update(data).digest('hex');
  assert.deepEqual(
    [shown.status, shown.size, shown.__image_size, shown.checksum, shown.os_hash_algo, shown.os_hash_value],
    ['active', 10, '10', md5, 'sha512', createHash('sha512').update(data).digest('hex')],
  );
  assert.match(shown.active_at, /Z$/);
  assert.deepEqual(errorsOf(shown), []);
  const got = await call('GET', path);
  assert.equal(got.text, '0123456789');
  assert.deepEqual(
    ['content-type', 'content-length', 'content-md5', 'etag', 'accept-ranges'].map((n) => got.headers.get(n)),
    ['application/octet-stream', '10', md5, `"${md5}"`, 'bytes'],
  );
  const head = await call('HEAD', path);
  assert.deepEqual(
    [head.status, head.headers.get('content-length'), head.headers.get('etag')],
    [200, '10', `"${md5}"`],
  );
  const part = await call('GET', path, { headers: { range: 'bytes=2-4' } });
  assert.deepEqual(
    [
      part.status,
      part.text,
      part.headers.get('content-range'),
      part.headers.get('content-md5'),
      part.headers.get('content-length'),
    ],
    [206, '234', 'bytes 2-4/10', md5, '3'],
  );
  const older = await call('GET', path, { headers: { 'content-range': 'bytes 0-3/*' } });
  assert.deepEqual([older.status, older.text], [206, '0123']);
  const behind = await call('GET', path, { headers: { range: 'bytes=10-' } });
  assert.deepEqual([behind.status, behind.headers.get('content-range')], [416, 'bytes */10']);
  assert.match(behind.json.error.message, /^Invalid start position in Range header/);
  assert.equal((await call('GET', path, { headers: { 'if-none-match': `"${md5}"` } })).status, 304);
  const again = await call('PUT', path, { body: data, headers });
  assert.deepEqual(
    [again.status, again.json.error.message],
    [409, 'Image status transition from active to saving is not allowed'],
  );
});

test('an upload of no bytes makes an active image of size 0', async () => {
  const image = await create({ disk_format: 'raw' });
  const put = await call('PUT', `/v2/images/${image.id}/file`, {
    headers: { 'content-type': 'application/octet-stream', 'content-length': '0' },
  });
  assert.equal(put.status, 204, put.text);
  const shown = (await call('GET', `/v2/images/${image.id}`)).json;
  assert.deepEqual(
    [shown.status, shown.size, shown.checksum],
    ['active', 0, 'd41d8cd98f00b204e9800998ecf8427e'],
  );
  const got = await call('GET', `/v2/images/${image.id}/file`);
  assert.deepEqual([got.status, got.text], [200, '']);
});

test('a patch in the v2.1 form adds, replaces and removes; all of it or nothing', async () => {
  const image = await create({ name: 'a', color: 'red' });
  const path = `/v2/images/${image.id}`;
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch; charset=utf-8' };
  const patched = await call('PATCH', path, {
    headers,
    body: JSON.stringify([
      { op: 'add', path: '/name', value: 'b' },
      { op: 'replace', path: '/color', value: 'blue' },
      { op: 'add', path: '/a~1b~0c', value: 'slash' },
      { op: 'replace', path: '/tags', value: ['x'] },
    ]),
  });
  assert.equal(patched.status, 200, patched.text);
  assert.deepEqual(
    [patched.json.name, patched.json.color, patched.json['a/b~c'], patched.json.tags],
    ['b', 'blue', 'slash', ['x']],
  );
  const broken = await call('PATCH', path, {
    headers,
    body: JSON.stringify([
      { op: 'add', path: '/name', value: 'c' },
      { op: 'remove', path: '/nope' },
    ]),
  });
  assert.deepEqual([broken.status, broken.json.error.message], [409, 'Property nope does not exist.']);
  assert.equal((await call('GET', path)).json.name, 'b');
  const none = await call('PATCH', path, { headers, body: '[]' });
  assert.equal(none.status, 200);
});

test('a patch in the v2.0 form conflicts where the v2.1 form replaces', async () => {
  const image = await create({ color: 'red' });
  const path = `/v2/images/${image.id}`;
  const headers = { 'content-type': 'application/openstack-images-v2.0-json-patch' };
  const present = await call('PATCH', path, {
    headers,
    body: JSON.stringify([{ add: '/color', value: 'x' }]),
  });
  assert.deepEqual([present.status, present.json.error.message], [409, 'Property color already present.']);
  const replaced = await call('PATCH', path, {
    headers,
    body: JSON.stringify([
      { replace: '/color', value: 'x' },
      { add: '/new', value: '1' },
    ]),
  });
  assert.deepEqual([replaced.status, replaced.json.color, replaced.json.new], [200, 'x', '1']);
});

test('lists page by marker over links that keep every parameter', async () => {
  const caller = await service.newCaller(['member']);
  const ids: string[] = [];
  for (const name of ['c', 'a', 'b'])
    ids.push((await call('POST', '/v2/images', { caller, body: { name, tags: ['t', 'u'] } })).json.id);
  const first = await call('GET', '/v2/images?limit=2&sort_key=name&sort_dir=asc&tag=t&tag=u', { caller });
  assert.deepEqual(
    first.json.images.map((i: { name: string }) => i.name),
    ['a', 'b'],
  );
  assert.equal(first.json.first, '/v2/images?limit=2&sort_key=name&sort_dir=asc&tag=t&tag=u');
  assert.equal(first.json.schema, '/v2/schemas/images');
  const second = await call('GET', first.json.next, { caller });
  assert.deepEqual(
    second.json.images.map((i: { name: string }) => i.name),
    ['c'],
  );
  assert.ok(!('next' in second.json));
  assert.equal(second.json.first, first.json.first);
  assert.deepEqual((await call('GET', '/v2/images?limit=0', { caller })).json, {
    images: [],
    first: '/v2/images?limit=0',
    schema: '/v2/schemas/images',
  });
  assert.deepEqual((await call('GET', '/v2/images?nope=1', { caller })).json.images, []);
  assert.deepEqual((await call('GET', '/v2/images?name=in:a,"c"', { caller })).json.images.length, 2);
});

test('tags are added and removed one by one', async () => {
  const image = await create();
  const path = `/v2/images/${image.id}`;
  assert.equal((await call('PUT', `${path}/tags/a%3Db`)).status, 204);
  assert.equal((await call('PUT', `${path}/tags/a%3Db`)).status, 204);
  assert.deepEqual((await call('GET', path)).json.tags, ['a=b']);
  assert.equal((await call('DELETE', `${path}/tags/a%3Db`)).status, 204);
  assert.equal((await call('DELETE', `${path}/tags/a%3Db`)).status, 404);
  assert.equal((await call('PUT', `${path}/tags/a%2Fb`)).status, 404);
  assert.equal((await call('PUT', `${path}/tags/${'x'.repeat(256)}`)).status, 400);
});

test('sharing: the recipient sees the image by id before it accepts, in lists after', async () => {
  const owner = await service.newCaller(['member']);
  const guest = await service.newCaller(['member']);
  const image = (await call('POST', '/v2/images', { caller: owner, body: { name: 'shared' } })).json;
  const path = `/v2/images/${image.id}`;
  assert.equal((await call('GET', path, { caller: guest })).status, 404);
  const added = await call('POST', `${path}/members`, { caller: owner, body: { member: guest.projectId } });
  assert.deepEqual(
    [added.status, added.json.status, added.json.member_id, added.json.schema],
    [200, 'pending', guest.projectId, '/v2/schemas/member'],
  );
  assert.equal((await call('GET', path, { caller: guest })).status, 200);
  assert.equal((await call('GET', path, { caller: owner })).json.visibility, 'shared');
  assert.deepEqual((await call('GET', '/v2/images', { caller: guest })).json.images, []);
  const byOwner = await call('PUT', `${path}/members/${guest.projectId}`, {
    caller: owner,
    body: { status: 'accepted' },
  });
  assert.equal(byOwner.status, 403);
  const accepted = await call('PUT', `${path}/members/${guest.projectId}`, {
    caller: guest,
    body: { status: 'accepted' },
  });
  assert.deepEqual([accepted.status, accepted.json.status], [200, 'accepted']);
  assert.equal((await call('GET', '/v2/images', { caller: guest })).json.images.length, 1);
  assert.equal(
    (await call('PATCH', path, { caller: guest, body: [{ op: 'add', path: '/name', value: 'x' }] })).json
      .error.message,
    'You do not own this image',
  );
  assert.equal((await call('DELETE', `${path}/members/${guest.projectId}`, { caller: owner })).status, 204);
  assert.equal((await call('GET', path, { caller: guest })).status, 404);
  assert.equal((await call('GET', path, { caller: owner })).json.visibility, 'private');
});

test('delete answers 204, once', async () => {
  const image = await create();
  assert.equal(
    (await call('DELETE', `/v2/images/${image.id}`, { body: { delete_backup: true } })).status,
    204,
  );
  const again = await call('DELETE', `/v2/images/${image.id}`);
  assert.deepEqual(
    [again.status, again.json.error.message],
    [404, `Failed to find image ${image.id} to delete`],
  );
});

test('version documents are open and name the identity service last', async () => {
  const root = await call('GET', '/', { caller: null });
  assert.equal(root.status, 300);
  assert.equal(root.json.versions[0].status, 'CURRENT');
  assert.equal(root.json.versions[0].links[0].href, `${service.url}/v2/`);
  assert.deepEqual(root.json.versions.at(-1).links, [{ rel: 'self', href: `${service.url}/v3/` }]);
  assert.equal((await call('GET', '/versions', { caller: null })).status, 200);
  const one = await call('GET', '/v2.0', { caller: null });
  assert.deepEqual([one.status, one.json.versions.length], [300, 1]);
  assert.equal((await call('HEAD', '/', { caller: null })).status, 300);
  assert.equal((await call('GET', '/v9', { caller: null })).status, 404);
  assert.equal((await call('GET', '/healthcheck', { caller: null })).text, 'OK');
});

test('schemas need a token', async () => {
  for (const name of ['image', 'images', 'member', 'members']) {
    const got = await call('GET', `/v2/schemas/${name}`);
    assert.deepEqual([got.status, got.json.name], [200, name]);
  }
  assert.equal((await call('GET', '/v2/schemas/image', { caller: null })).status, 401);
});

test('the OpenAPI document is 3.1 and names the routes of all three APIs', async () => {
  const { status, json } = await call('GET', '/openapi.json', { caller: null });
  assert.equal(status, 200);
  assert.equal(json.openapi, '3.1.0');
  for (const path of ['/v2/images', '/v1/cloudimages/{image_id}/upload', '/v3/auth/tokens'])
    assert.ok(json.paths[path], path);
});
