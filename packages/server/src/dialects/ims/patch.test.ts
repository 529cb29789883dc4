import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startService } from '../testing.ts';

const service = await startService();
const { call } = service;
const owner = await service.newCaller(['IMS Administrator']);
const create = async (body: Record<string, unknown> = {}): Promise<string> =>
  (await call('POST', '/v2/images', { caller: owner, body })).json.id;
const queued = await create({ name: 'queued' });
const active = await create({ name: 'active', disk_format: 'raw', color: 'red' });
await call('PUT', `/v2/images/${active}/file`, {
  caller: owner,
  body: Buffer.from('data'),
  headers: { 'content-type': 'application/octet-stream' },
});
const patch = (id: string, body: unknown) => call('PATCH', `/v2/cloudimages/${id}`, { caller: owner, body });

test('changes are applied together and the whole image is answered', async () => {
  const answer = await patch(active, [
    { op: 'replace', path: '/name', value: 'new name' },
    { op: 'add', path: '/__description', value: 'golden' },
    { op: 'add', path: '/min_ram', value: '1024' },
    { op: 'add', path: '/max_ram', value: 2048 },
    { op: 'replace', path: '/tags', value: ['a=b'] },
    { op: 'add', path: '/__support_kvm', value: true },
    { op: 'remove', path: '/color' },
  ]);
  assert.equal(answer.status, 200, answer.text);
  const { name, __description, min_ram, max_ram, tags, __support_kvm, color } = answer.json;
  assert.deepEqual(
    [name, __description, min_ram, max_ram, tags, __support_kvm, color],
    ['new name', 'golden', 1024, '2048', ['a=b'], 'true', undefined],
  );
});

const operation = (op: string, path: string, value?: unknown) => [{ op, path, value }];
const rows: readonly [what: string, body: unknown, code: string, id?: string, status?: number][] = [
  ['no body', undefined, 'IMG.0007'],
  ['an object', {}, 'IMG.0001'],
  ['an unknown op', operation('move', '/name', 'x'), 'IMG.0001'],
  ['a path of two levels', operation('add', '/a/b', 'x'), 'IMG.0001'],
  ['no value', operation('add', '/a'), 'IMG.0001'],
  ['an object as value', operation('add', '/a', {}), 'IMG.0001'],
  ['replace of what is not there', operation('replace', '/__is_config_init', 'true'), 'IMG.0035'],
  ['remove of what is not there', operation('remove', '/nope'), 'IMG.0035'],
  ['remove of the name', operation('remove', '/name'), 'IMG.0035'],
  ['a read-only attribute', operation('add', '/status', 'active'), 'IMG.0035'],
  ['an unknown platform attribute', operation('add', '/__mine', 'x'), 'IMG.0035'],
  ['the visibility', operation('replace', '/visibility', 'shared'), 'IMG.0035'],
  ['a name of 129 characters', operation('replace', '/name', 'x'.repeat(129)), 'IMG.0002'],
  ['a name with a leading space', operation('replace', '/name', ' x'), 'IMG.0003'],
  ['a description of 1025 characters', operation('add', '/__description', 'x'.repeat(1025)), 'IMG.0004'],
  ['a description with markup', operation('add', '/__description', '<b>'), 'IMG.0054'],
  ['an amount that is none', operation('add', '/min_ram', 'much'), 'IMG.0055'],
  ['an unknown firmware', operation('add', '/hw_firmware_type', 'coreboot'), 'IMG.0141'],
  [
    'eleven tags',
    operation(
      'replace',
      '/tags',
      Array.from({ length: 11 }, (_, i) => `t${i}`),
    ),
    'IMG.0116',
  ],
  ['an image that is not active', operation('replace', '/name', 'x'), 'IMG.0046', queued],
  [
    'an unknown image',
    operation('replace', '/name', 'x'),
    'IMG.0027',
    '00000000-0000-4000-8000-000000000000',
    404,
  ],
  ['an id that is no UUID', operation('replace', '/name', 'x'), 'IMG.0066', 'debian'],
];
for (const [what, body, code, id = active, status = 400] of rows)
  test(`PATCH /v2/cloudimages: ${what} is refused with ${code}, and nothing changes`, async () => {
    const before = await service.state();
    const answer = await patch(id, body);
    assert.deepEqual([answer.status, answer.json.error?.code], [status, code], answer.text);
    assert.deepEqual(await service.state(), before);
  });
