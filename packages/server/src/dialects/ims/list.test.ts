import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startService } from '../testing.ts';

const service = await startService();
const { call } = service;
const owner = await service.newCaller(['Tenant Administrator']);
const other = await service.newCaller(['Tenant Administrator']);
const create = async (body: Record<string, unknown>, caller = owner): Promise<string> => {
  const made = await call('POST', '/v2/images', { caller, body });
  assert.equal(made.status, 201, made.text);
  return made.json.id;
};

const debian = await create({
  name: 'debian',
  disk_format: 'qcow2',
  min_disk: 40,
  min_ram: 1024,
  tags: ['env=prod', 'foo.bar', 'k=v'],
  __os_version: 'Debian GNU/Linux 12.0.0 64bit',
});
const windows = await create({
  name: 'windows',
  disk_format: 'vhd',
  protected: true,
  __os_version: 'Windows Server 2019 Standard 64bit',
  __support_kvm: 'true',
});
const published = await create({ name: 'gold', visibility: 'public' }, service.admin);
const shared = await create({ name: 'shared' }, other);
await call('POST', `/v2/images/${shared}/members`, { caller: other, body: { member: owner.projectId } });
const names = new Map([
  [debian, 'debian'],
  [windows, 'windows'],
  [published, 'gold'],
  [shared, 'shared'],
]);

const queries: readonly [query: string, found: readonly string[]][] = [
  ['', ['debian', 'gold', 'windows']],
  [`id=${debian}`, ['debian']],
  ['id=00000000-0000-4000-8000-000000000000', []],
  ['name=windows', ['windows']],
  ['name=win', []],
  ['__imagetype=gold&visibility=public', ['gold']],
  ['__imagetype=gold&visibility=public&protected=true', []],
  ['__imagetype=private', ['debian', 'windows']],
  ['__imagetype=private&visibility=public', []],
  ['__imagetype=market', []],
  ['__isregistered=true', ['debian', 'gold', 'windows']],
  ['__isregistered=false', []],
  [`owner=${owner.projectId}`, ['debian', 'windows']],
  ['protected=true', ['windows']],
  ['disk_format=qcow2', ['debian']],
  ['container_format=bare&status=queued&name=debian', ['debian']],
  ['status=active', []],
  ['status=nonsense', []],
  ['__os_type=Windows', ['windows']],
  ['__os_bit=64&__platform=Debian', ['debian']],
  ['__support_kvm=true', ['windows']],
  ['__nobody_knows=1', []],
  ['nobody_knows=1', ['debian', 'gold', 'windows']],
  ['virtual_env_type=FusionCompute&name=debian', ['debian']],
  ['__whole_image=true', []],
  ['__whole_image=false&name=debian', ['debian']],
  ['min_disk=40', ['debian']],
  ['min_ram=1024', ['debian']],
  ['tag=env%3Dprod', ['debian']],
  ['tag=env.prod', ['debian']],
  ['tag=foo.bar', ['debian']],
  ['tag=foo%3Dbar', []],
  ['tag=env%3Dprod&tag=k%3Dv', ['debian']],
  ['tag=env%3Dprod&tag=nope', []],
  ['visibility=shared&member_status=pending&__imagetype=shared', ['shared']],
  ['visibility=shared&member_status=accepted', []],
  ['created_at=gte:2020-01-01T00:00:00Z&name=debian', ['debian']],
  ['created_at=lt:2020-01-01 00:00:00', []],
  ['enterprise_project_id=0&name=debian', ['debian']],
  ['enterprise_project_id=all_granted_eps&name=debian', ['debian']],
  ['os_hidden=True', []],
  ['limit=0', []],
  ['limit=99999', ['debian', 'gold', 'windows']],
  ['size_min=1', []],
  ['status=deleted', []],
];

for (const [query, found] of queries)
  test(`GET /v2/cloudimages?${query} finds ${found.join(', ') || 'nothing'}`, async () => {
    const answer = await call('GET', `/v2/cloudimages?${query}`, { caller: owner });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.json), ['images']);
    const ids: string[] = answer.json.images.map((image: { id: string }) => image.id);
    assert.deepEqual(ids.map((id) => names.get(id)).sort(), [...found].sort());
  });

const refused: readonly [query: string, code: string][] = [
  ['limit=-1', 'IMG.0001'],
  ['limit=ten', 'IMG.0001'],
  ['sort_key=color', 'IMG.0001'],
  ['sort_dir=up', 'IMG.0001'],
  ['visibility=secret', 'IMG.0001'],
  ['member_status=maybe', 'IMG.0001'],
  ['protected=maybe', 'IMG.0001'],
  ['min_disk=big', 'IMG.0001'],
  ['created_at=yesterday', 'IMG.0001'],
  ['marker=00000000-0000-4000-8000-000000000000', 'IMG.0027'],
  [`marker=nonsense`, 'IMG.0027'],
  ['name=%ff', 'IMG.0001'],
];
for (const [query, code] of refused)
  test(`GET /v2/cloudimages?${query} is refused with ${code}`, async () => {
    const answer = await call('GET', `/v2/cloudimages?${query}`, { caller: owner });
    assert.deepEqual([answer.status, answer.json.error?.code], [400, code], answer.text);
  });

test('pages end: after the last row the list is empty, and the marker’s row is never shown again', async () => {
  const seen: string[] = [];
  let marker = '';
  for (let pages = 0; pages < 5; pages += 1) {
    const page = await call('GET', `/v2/cloudimages?limit=1&sort_dir=asc&owner=${owner.projectId}${marker}`, {
      caller: owner,
    });
    if (page.json.images.length === 0) break;
    seen.push(page.json.images[0].id);
    marker = `&marker=${page.json.images[0].id}`;
  }
  assert.deepEqual(
    seen.map((id) => names.get(id)),
    ['debian', 'windows'],
  );
});

test('a deleted image is listed only when status=deleted is asked', async () => {
  const id = await create({ name: 'gone' });
  await call('DELETE', `/v2/images/${id}`, { caller: owner });
  assert.deepEqual((await call('GET', `/v2/cloudimages?id=${id}`, { caller: owner })).json.images, []);
  const deleted = await call('GET', '/v2/cloudimages?status=deleted', { caller: owner });
  assert.deepEqual(
    deleted.json.images.map((i: { id: string; status: string }) => [i.id, i.status]),
    [[id, 'deleted']],
  );
});

test('the quota counts the project’s own images; without a limit it is −1', async () => {
  const answer = await call('GET', '/v1/cloudimages/quota', { caller: other });
  assert.deepEqual(answer.json, {
    quotas: { resources: [{ type: 'image', used: 1, quota: -1, min: 1, max: 1000 }] },
  });
});

test('operating systems come as a bare array by platform', async () => {
  const answer = await call('GET', '/v1/cloudimages/os_version', { caller: owner });
  const debians = answer.json.find((entry: { platform: string }) => entry.platform === 'Debian');
  assert.deepEqual(Object.keys(debians.version_list[0]), [
    'platform',
    'os_version_key',
    'os_version',
    'os_bit',
    'os_type',
  ]);
  assert.equal(typeof debians.version_list[0].os_bit, 'number');
  assert.deepEqual((await call('GET', '/v1/cloudimages/os_version?tag=nope', { caller: owner })).json, []);
});
