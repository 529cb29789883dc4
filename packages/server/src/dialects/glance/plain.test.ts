import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startService } from '../testing.ts';

/** A listener in dialect `glance`: what plain clients expect where OTC's differ. */
const service = await startService({ dialect: 'glance' });
const { call } = service;

test('an image has no attribute that no caller wrote, and the nine nulls', async () => {
  const made = await call('POST', '/v2/images', { body: { color: 'red' } });
  assert.equal(made.status, 201, made.text);
  const { json } = made;
  assert.equal(json.visibility, 'shared');
  assert.deepEqual(
    Object.keys(json)
      .filter((name) => json[name] === null)
      .sort(),
    [
      'checksum',
      'container_format',
      'disk_format',
      'name',
      'os_hash_algo',
      'os_hash_value',
      'size',
      'virtual_size',
    ],
  );
  assert.equal(json.color, 'red');
  assert.deepEqual(
    Object.keys(json).filter((name) => name.startsWith('__') || name === 'virtual_env_type'),
    [],
  );
});

test('data needs both formats first', async () => {
  const { json } = await call('POST', '/v2/images', { body: {} });
  const answer = await call('PUT', `/v2/images/${json.id}/file`, {
    body: Buffer.from('x'),
    headers: { 'content-type': 'application/octet-stream' },
  });
  assert.deepEqual(
    [answer.status, answer.json.error.message],
    [400, 'Properties disk_format, container_format must be set prior to saving data.'],
  );
  assert.equal((await call('GET', `/v2/images/${json.id}`)).json.status, 'queued');
});

test('a quota that is used up is 413 without an IMG code', async () => {
  const tags = Array.from({ length: 129 }, (_, i) => `t${i}`);
  const answer = await call('POST', '/v2/images', { body: { tags } });
  assert.deepEqual([answer.status, answer.json.error.code], [413, '413']);
});
