import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startService } from '../testing.ts';

/** PUT /v1/cloudimages/{image_id}/upload: every precondition, its code, and that it changes nothing. */
const service = await startService({ transfer: { registerLimitBytes: 1000, acceptedJobs: 2 } });
const { call } = service;
const owner = await service.newCaller(['Tenant Administrator']);
const guest = await service.newCaller(['Tenant Administrator']);
const reader = await service.newCaller(['IMS ReadOnlyAccess'], owner.projectId);
const imsOnly = await service.newCaller(['IMS Administrator'], owner.projectId);
const disk = Buffer.alloc(512, 1);
await service.putObject('ims-image', 'debian/12/golden', disk, undefined, owner);
await service.putObject('ims-image', 'empty', Buffer.alloc(0), undefined, owner);
await service.putObject('ims-image', 'big', Buffer.alloc(1001), undefined, owner);
await service.putObject('ims-image', 'warm', disk, 'WARM', owner);
await service.putObject('foreign', 'disk', disk, undefined, guest);

const create = async (body: Record<string, unknown> = {}, caller = owner): Promise<string> =>
  (await call('POST', '/v2/images', { caller, body })).json.id;
const queued = await create({ name: 'queued' });
const active = await create({ name: 'active', disk_format: 'raw' });
await call('PUT', `/v2/images/${active}/file`, {
  caller: owner,
  body: disk,
  headers: { 'content-type': 'application/octet-stream' },
});
const published = await create({ name: 'public', visibility: 'public' }, service.admin);
const community = await create({ name: 'community', visibility: 'community' }, guest);
const unknown = '00000000-0000-4000-8000-000000000000';
const good = { image_url: 'ims-image:debian/12/golden' };
const bad = { image_url: 'no-colon' };

interface Row {
  readonly what: string;
  readonly code: string;
  readonly status?: number;
  readonly id?: string;
  readonly body?: unknown;
  readonly caller?: typeof owner;
}
const url = (imageUrl: string, code: string): Row => ({
  what: `image_url ${JSON.stringify(imageUrl.slice(0, 40))}`,
  body: { image_url: imageUrl },
  code,
});

const rows: Row[] = [
  // 1: roles
  { what: 'a reader', caller: reader, body: good, code: 'IMG.0026', status: 403 },
  { what: 'a caller without rights on buckets', caller: imsOnly, body: good, code: 'IMG.0026', status: 403 },
  // 2: body
  { what: 'no body', code: 'IMG.0007' },
  { what: 'broken JSON', body: '{', code: 'IMG.0001' },
  { what: 'a list', body: '[]', code: 'IMG.0001' },
  { what: 'a scalar', body: '"x"', code: 'IMG.0001' },
  { what: 'no image_url', body: {}, code: 'IMG.0001' },
  { what: 'a number as image_url', body: { image_url: 7 }, code: 'IMG.0001' },
  // 3: id, judged before the grammar
  { what: 'an id that is no UUID', id: 'debian', body: bad, code: 'IMG.0066' },
  // 4–6: the image, judged before the grammar
  { what: 'an unknown image', id: unknown, body: bad, code: 'IMG.0027', status: 404 },
  { what: 'an image that others can not see', caller: guest, body: bad, code: 'IMG.0027', status: 404 },
  { what: 'a public image of others', id: published, body: bad, code: 'IMG.0083' },
  { what: 'a visible image of others', id: community, body: bad, code: 'IMG.0047' },
  { what: 'an active image', id: active, body: bad, code: 'IMG.0046' },
  // 7: grammar
  url('no-colon', 'IMG.0017'),
  url('', 'IMG.0017'),
  url(':x.qcow2', 'IMG.0068'),
  url('UPPER:x', 'IMG.0109'),
  url('ab:x', 'IMG.0109'),
  url(`${'a'.repeat(64)}:x`, 'IMG.0109'),
  url('a..b:x', 'IMG.0109'),
  url('a.-b:x', 'IMG.0109'),
  url('10.0.0.1:x', 'IMG.0109'),
  url('-ims:x', 'IMG.0109'),
  url('ims-image:', 'IMG.0073'),
  url(`ims-image:${'ä'.repeat(513)}`, 'IMG.0074'),
  url('ims-image:a b', 'IMG.0175'),
  url('ims-image:folder /x', 'IMG.0175'),
  url('ims-image:/x', 'IMG.0075'),
  url('ims-image:a\u0001b', 'IMG.0075'),
  url('ims-image:a\ud800b', 'IMG.0075'),
  // 8–12: bucket and object
  url('nowhere:x', 'IMG.0069'),
  url('foreign:disk', 'IMG.0069'),
  url('ims-image:warm', 'IMG.0069'),
  url('ims-image:missing', 'IMG.0057'),
  url('ims-image:empty', 'IMG.0057'),
  url('ims-image:big', 'IMG.0059'),
];

for (const row of rows)
  test(`register: ${row.what} is refused with ${row.code}, and nothing changes`, async () => {
    const before = await service.state();
    const { caller = owner, id = queued, body } = row;
    const answer = await call('PUT', `/v1/cloudimages/${id}/upload`, { caller, body });
    assert.equal(answer.status, row.status ?? 400, answer.text);
    assert.equal(answer.json.error?.code, row.code, answer.text);
    assert.ok(answer.json.error.message.length > 0);
    assert.deepEqual(await service.state(), before);
  });

test('register: without credentials the answer is the gateway’s 401', async () => {
  const answer = await call('PUT', `/v1/cloudimages/${queued}/upload`, { caller: null, body: good });
  assert.equal(answer.status, 401);
  assert.deepEqual(
    [answer.json.error_code, answer.json.error_msg, answer.json.request_id],
    [
      'APIGW.0301',
      'Incorrect IAM authentication information: x-auth-token not found',
      answer.headers.get('x-request-id'),
    ],
  );
});

test('register: the documented texts come from the code list', async () => {
  const gone = await call('PUT', `/v1/cloudimages/${unknown}/upload`, { caller: owner, body: good });
  assert.deepEqual(gone.json, {
    error: { message: 'The image ID in the request does not exist.', code: 'IMG.0027' },
  });
  const busy = await call('PUT', `/v1/cloudimages/${active}/upload`, { caller: owner, body: good });
  assert.deepEqual(busy.json, { error: { message: 'The image is unavailable.', code: 'IMG.0046' } });
});

test('register: accepted with 200 and a job id; the image is saving at once, a second call loses', async () => {
  const id = await create({ name: 'debian' });
  const [one, two] = await Promise.all(
    [1, 2].map(() =>
      call('PUT', `/v1/cloudimages/${id.toUpperCase()}/upload`, { caller: owner, body: good }),
    ),
  );
  const accepted = one!.status === 200 ? one! : two!;
  const refused = one!.status === 200 ? two! : one!;
  assert.deepEqual(Object.keys(accepted.json), ['job_id']);
  assert.match(accepted.json.job_id, /^[0-9a-f]{32}$/);
  assert.deepEqual([refused.status, refused.json.error.code], [400, 'IMG.0046']);
  const listed = await call('GET', `/v2/cloudimages?id=${id}`, { caller: owner });
  assert.deepEqual(
    listed.json.images.map((i: { status: string }) => i.status),
    ['saving'],
  );
  const job = await call('GET', `/v1/${owner.projectId}/jobs/${accepted.json.job_id}`, { caller: owner });
  assert.equal(job.status, 200);
  assert.deepEqual(
    { ...job.json, begin_time: undefined },
    {
      status: 'INIT',
      job_id: accepted.json.job_id,
      job_type: 'imsNativeImportImageJob',
      begin_time: undefined,
      end_time: '',
      error_code: null,
      fail_reason: null,
      entities: { image_id: id, process_percent: 0, current_task: 'queued' },
    },
  );
  assert.match(job.json.begin_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('register: a project with as many unfinished jobs as allowed gets IMG.0060', async () => {
  const first = await call('PUT', `/v1/cloudimages/${await create()}/upload`, { caller: owner, body: good });
  assert.equal(first.status, 200, first.text);
  const id = await create();
  const before = await service.state();
  const answer = await call('PUT', `/v1/cloudimages/${id}/upload`, { caller: owner, body: good });
  assert.deepEqual([answer.status, answer.json.error.code], [400, 'IMG.0060']);
  assert.deepEqual(await service.state(), before);
});

test('a job is asked for under the project of the credential, and nobody else’s job exists', async () => {
  const cases: readonly [path: string, caller: typeof owner, code: string][] = [
    [`/v1/${guest.projectId}/jobs/${'0'.repeat(32)}`, owner, 'IMG.0030'],
    [`/v1/${owner.projectId}/jobs/${'0'.repeat(32)}`, owner, 'IMG.0023'],
    [`/v1/${owner.projectId}/jobs/nonsense`, owner, 'IMG.0023'],
  ];
  for (const [path, caller, code] of cases) {
    const answer = await call('GET', path, { caller });
    assert.deepEqual([answer.status, answer.json.error.code], [400, code]);
  }
});

test('an unscoped token may do nothing on IMS paths', async () => {
  const token = await service.identity.login({
    proofs: [{ method: 'token', token: owner.token }],
    scope: { kind: 'unscoped' },
  });
  const answer = await call('GET', '/v2/cloudimages', { caller: token });
  assert.deepEqual([answer.status, answer.json.error.code], [403, 'IMG.0026']);
});

test('an unknown IMS path is the gateway’s 404, a wrong method 405 with Allow', async () => {
  const unknownPath = await call('GET', '/v1/cloudimages/nothing/here/at/all');
  assert.deepEqual([unknownPath.status, unknownPath.json.error_code], [404, 'APIGW.0101']);
  const wrong = await call('DELETE', '/v2/cloudimages');
  assert.deepEqual(
    [wrong.status, wrong.headers.get('allow'), wrong.json.error_code],
    [405, 'GET', 'APIGW.0101'],
  );
});

test('a body over the limit is refused before it is read', async () => {
  const answer = await call('PUT', `/v1/cloudimages/${queued}/upload`, {
    caller: owner,
    body: JSON.stringify({ image_url: 'x'.repeat(1024 * 1024) }),
  });
  assert.deepEqual([answer.status, answer.json.error_code], [413, 'APIGW.0201']);
});
