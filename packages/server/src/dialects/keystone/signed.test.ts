import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signHeaders } from '../../auth/testing.ts';
import { startKeystone } from './testing.ts';
import type { TestKeystone } from './testing.ts';

type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- bodies of others' making

let keystone: TestKeystone;
before(async () => {
  keystone = await startKeystone();
});
after(() => keystone.close());

interface Options {
  readonly dialect: 'A' | 'B';
  readonly method?: 'GET' | 'POST';
  readonly url: string;
  readonly body?: string;
  /** Sent, and not signed, as both providers do with `X-Project-Id`. */
  readonly unsigned?: Record<string, string>;
  readonly secret?: string;
}

async function signed({ dialect, method = 'GET', url, body, unsigned, secret }: Options) {
  const headers = signHeaders({
    method,
    url,
    headers: {
      host: 'iy.example.com',
      accept: 'application/json',
      'user-agent': 'golangsdk/2.0.0',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    key: { access: keystone.first.key!.access, secret: secret ?? keystone.first.key!.secret },
    dialect,
    signedHeaders: `accept;${body === undefined ? '' : 'content-type;'}host;user-agent;x-sdk-date`,
  });
  const response = await keystone.app.inject({
    method,
    url,
    headers: { ...headers, ...unsigned },
    ...(body === undefined ? {} : { payload: body }),
  });
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.json() as Json,
  };
}

test('OTC clients with AK/SK find project, domain and catalogue, without a project header', async () => {
  const dialect = 'B';
  const { status, body } = await signed({ dialect, url: '/v3/projects?name=eu-de' });
  assert.equal(status, 200);
  const { id } = keystone.first.project!;
  assert.deepEqual(
    body['projects'].map((project: { id: string }) => project.id),
    [id],
  );
  const catalog = await signed({ dialect, url: '/v3/auth/catalog', unsigned: { 'x-project-id': id } });
  assert.equal(catalog.body['catalog'].length, 5);
  const domains = await signed({ dialect, url: '/v3/auth/domains?name=Default' });
  assert.equal(domains.body['domains'][0].id, 'default');
  assert.equal((await signed({ dialect, url: '/v3/auth/catalog' })).status, 200);
});

test("Huawei's SDK without a project id: exactly one project of the region's name, regions, POST", async () => {
  const dialect = 'A';
  assert.equal((await signed({ dialect, url: '/v3/projects?name=eu-de' })).body['projects'].length, 1);
  assert.equal((await signed({ dialect, url: '/v3/regions' })).body['regions'][0].type, 'public');
  const body = JSON.stringify({ project: { name: 'eu-de_sdk', domain_id: 'default' } });
  const made = await signed({ dialect, method: 'POST', url: '/v3/projects', body });
  assert.deepEqual([made.status, made.body['project'].name], [201, 'eu-de_sdk']);
});

test('a failed signature on an identity path has the shape of the gateway', async () => {
  for (const dialect of ['A', 'B'] as const) {
    const { status, headers, body } = await signed({ dialect, url: '/v3/projects', secret: 'wrong' });
    assert.equal(status, 401);
    assert.equal(headers['www-authenticate'], 'Keystone uri="http://iy.example.com/v3"');
    assert.equal(body['error_code'], 'APIGW.0301');
    assert.equal(body['error_msg'], 'Incorrect IAM authentication information: verify aksk signature fail');
    assert.equal(body['request_id'], headers['x-openstack-request-id']);
  }
});

test('an unknown key is named, a foreign project is 403', async () => {
  const headers = signHeaders({
    method: 'GET',
    url: '/v3/projects',
    headers: { host: 'iy.example.com' },
    key: { access: 'AKEXAMPLE', secret: 'x' },
  });
  const response = await keystone.app.inject({ url: '/v3/projects', headers });
  assert.equal(
    (response.json() as { error_msg: string }).error_msg,
    'Incorrect IAM authentication information: ak AKEXAMPLE not exist',
  );
  const foreign = await signed({
    dialect: 'B',
    url: '/v3/auth/catalog',
    unsigned: { 'x-project-id': 'f'.repeat(32) },
  });
  assert.equal(foreign.status, 403);
});
