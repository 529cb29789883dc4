/** The native image API through the unchanged OpenStack client, against the real program. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { clientEnv, run, runOk, startServer } from '../harness.ts';
import type { Running } from '../harness.ts';

const missing = await missingTool();

async function missingTool(): Promise<string | undefined> {
  const found = await run('openstack', ['--version']).catch(() => undefined);
  if (found?.code === 0) return undefined;
  const reason = 'python3-openstackclient is not installed';
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

const sample = join(import.meta.dirname, '../fixtures/sample/sample.qcow2');
const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');

describe('images through the openstack client', { skip: missing ?? false }, () => {
  let server: Running;
  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  type Row = Record<string, unknown>;
  const openstack = (...args: string[]): Promise<string> =>
    runOk('openstack', args, { env: clientEnv(server.ready) });
  const json = async <T = Row>(...args: string[]): Promise<T> =>
    JSON.parse(await openstack(...args, '-f', 'json')) as T;

  test('image create without a file makes queued metadata, found by name and by id', async () => {
    const made = await json(
      'image',
      'create',
      'debian-golden',
      '--disk-format',
      'qcow2',
      '--min-disk',
      '40',
      '--property',
      'os_distro=debian',
      '--tag',
      'golden',
    );
    assert.deepEqual(
      [made['name'], made['status'], made['disk_format'], made['min_disk']],
      ['debian-golden', 'queued', 'qcow2', 40],
    );
    assert.deepEqual(made['tags'], ['golden']);
    const byName = await json('image', 'show', 'debian-golden');
    const byId = await json('image', 'show', String(made['id']));
    assert.equal(byName['id'], made['id']);
    assert.equal((byId['properties'] as Row)['os_distro'], 'debian');
    assert.equal((byId['properties'] as Row)['__isregistered'], 'true');
  });

  test('image create with a file, list, show, save: the saved bytes are the uploaded ones', async () => {
    const made = await json(
      'image',
      'create',
      'uploaded',
      '--disk-format',
      'qcow2',
      '--container-format',
      'bare',
      '--file',
      sample,
    );
    const shown = await json('image', 'show', 'uploaded');
    const bytes = readFileSync(sample);
    assert.deepEqual(
      [shown['status'], shown['size'], shown['checksum']],
      ['active', bytes.length, createHash('md5').update(bytes).digest('hex')],
    );
    assert.deepEqual(
      [(shown['properties'] as Row)['os_hash_algo'], (shown['properties'] as Row)['os_hash_value']],
      ['sha512', sha512(bytes)],
    );
    const list = await json<Row[]>('image', 'list', '--status', 'active');
    assert.ok(list.some((row) => row['ID'] === made['id'] && row['Name'] === 'uploaded'));
    const saved = join(server.folder, 'saved.qcow2');
    await openstack('image', 'save', '--file', saved, 'uploaded');
    assert.equal(sha512(readFileSync(saved)), sha512(bytes));
  });

  test('image set and unset change name, properties, tags and protection', async () => {
    await openstack('image', 'create', 'to-change', '--disk-format', 'raw');
    await openstack(
      'image',
      'set',
      '--name',
      'changed',
      '--property',
      'color=red',
      '--property',
      'shape=round',
      '--tag',
      'a',
      '--tag',
      'b',
      '--min-ram',
      '512',
      '--protected',
      'to-change',
    );
    const changed = await json('image', 'show', 'changed');
    const { color, shape } = changed['properties'] as Row;
    assert.deepEqual([color, shape, changed['min_ram'], changed['protected']], ['red', 'round', 512, true]);
    assert.deepEqual((changed['tags'] as string[]).sort(), ['a', 'b']);
    await openstack('image', 'unset', '--property', 'color', '--tag', 'a', 'changed');
    const left = await json('image', 'show', 'changed');
    assert.equal((left['properties'] as Row)['color'], undefined);
    assert.deepEqual(left['tags'], ['b']);
    const refused = await run('openstack', ['image', 'delete', 'changed'], { env: clientEnv(server.ready) });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /protected/);
    await openstack('image', 'set', '--unprotected', 'changed');
    await openstack('image', 'delete', 'changed');
    const gone = await run('openstack', ['image', 'show', 'changed'], { env: clientEnv(server.ready) });
    assert.notEqual(gone.code, 0);
    assert.match(gone.stderr, /No Image found for changed/);
  });

  test('image add project shares by project name, and the member list shows it', async () => {
    await openstack('project', 'create', 'eu-de_guests');
    const image = await json('image', 'create', 'to-share', '--disk-format', 'raw');
    const member = await json('image', 'add', 'project', 'to-share', 'eu-de_guests');
    assert.deepEqual([member['image_id'], member['status']], [image['id'], 'pending']);
    const members = await json<Row[]>('image', 'member', 'list', 'to-share');
    assert.equal(members.length, 1);
    await openstack('image', 'remove', 'project', 'to-share', 'eu-de_guests');
    assert.deepEqual(await json<Row[]>('image', 'member', 'list', 'to-share'), []);
  });

  test('a file that is not what was declared is refused and says both formats', async () => {
    const file = join(server.folder, 'noise.img');
    writeFileSync(file, randomBytes(100_000));
    const refused = await run(
      'openstack',
      ['image', 'create', 'liar', '--disk-format', 'qcow2', '--file', file],
      { env: clientEnv(server.ready) },
    );
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /declared qcow2, content is raw/);
  });
});

describe('image data over a raw connection', () => {
  let server: Running;
  let token: string;
  before(async () => {
    server = await startServer();
    const { ready } = server;
    const login = await fetch(`${ready.identity}/auth/tokens`, {
      method: 'POST',
      body: JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: {
              user: { name: ready.user, domain: { name: ready.domain }, password: ready.password },
            },
          },
          scope: { project: { id: ready.project.id } },
        },
      }),
    });
    token = login.headers.get('x-subject-token')!;
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const api = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${server.ready.api}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.status === 204 ? {} : ((await answer.json()) as Record<string, unknown>);
  };

  test('a client that vanishes inside an upload leaves a killed image and a server that goes on', async () => {
    const { id } = await api('POST', '/v2/images', { disk_format: 'raw' });
    const { hostname, port } = new URL(server.ready.api);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PUT /v2/images/${id} HTTP/1.1\r\n`.replace(' HTTP', '/file HTTP') +
        `Host: ${hostname}\r\nX-Auth-Token: ${token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 10000000\r\n\r\n`,
    );
    socket.write(Buffer.alloc(300_000, 1));
    for (let waited = 0; (await api('GET', `/v2/images/${id}`))['status'] !== 'saving'; waited += 20) {
      assert.ok(waited < 10_000, 'the upload never began');
      await pause(20);
    }
    socket.destroy();
    let status: unknown;
    for (let waited = 0; waited < 10_000; waited += 20) {
      status = (await api('GET', `/v2/images/${id}`))['status'];
      if (status !== 'saving') break;
      await pause(20);
    }
    assert.equal(status, 'killed');
    assert.equal(server.process.exitCode, null);
  });

  test('Expect: 100-continue is refused before the body where the image is not there', async () => {
    const { hostname, port } = new URL(server.ready.api);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PUT /v2/images/00000000-0000-4000-8000-000000000000/file HTTP/1.1\r\nHost: ${hostname}\r\n` +
        `X-Auth-Token: ${token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 10000000\r\nExpect: 100-continue\r\n\r\n`,
    );
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.match(text, /^HTTP\/1\.1 404 /);
  });
});
