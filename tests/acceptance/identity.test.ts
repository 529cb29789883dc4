/** Logging in and managing accounts with the unchanged OpenStack client, against the real program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
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

describe('identity through the openstack client', { skip: missing ?? false }, () => {
  let server: Running;
  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  type Row = Record<string, unknown>;
  const environment = (more: Record<string, string> = {}) => ({ ...clientEnv(server.ready), ...more });
  const openstack = async (args: readonly string[], more?: Record<string, string>): Promise<string> =>
    await runOk('openstack', args, { env: environment(more) });
  const json = async <T>(args: readonly string[], more?: Record<string, string>): Promise<T> =>
    JSON.parse(await openstack([...args, '-f', 'json'], more)) as T;

  for (const path of ['/v3', '', '/identity'])
    test(`a token is issued when the auth URL is http://HOST${path}`, async () => {
      const url = { OS_AUTH_URL: `${server.ready.api}${path}` };
      const token = await json<Row>(['token', 'issue'], url);
      assert.match(String(token['id']), /^iy_[A-Za-z0-9_-]{43}$/);
      assert.equal(token['project_id'], server.ready.project.id);
      assert.match(String(token['expires']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/);
      const projects = await json<Row[]>(['project', 'list'], url);
      assert.deepEqual(projects, [{ ID: server.ready.project.id, Name: server.ready.project.name }]);
    });

  test('domain names in the usual wrong case log in too', async () => {
    await openstack(['token', 'issue'], {
      OS_USER_DOMAIN_NAME: 'default',
      OS_PROJECT_DOMAIN_NAME: 'default',
      OS_USERNAME: 'Admin',
    });
  });

  test('the catalogue names every service at the host that the client used', async () => {
    const entries = await json<{ Name: string; Type: string; Endpoints: Row[] }[]>(['catalog', 'list']);
    assert.deepEqual(entries.map((entry) => entry.Type).sort(), ['identity', 'image', 'ims', 'object', 's3']);
    for (const { Type, Endpoints } of entries) {
      const base = Type === 'object' || Type === 's3' ? server.ready.bucket : server.ready.api;
      const url = Type === 'identity' ? `${base}/v3` : base;
      for (const endpoint of Endpoints) {
        assert.equal(endpoint['url'], url);
        assert.equal(endpoint['region'], server.ready.region);
      }
    }
  });

  test('projects, users, roles and keys are made, found by name and deleted', async () => {
    const project = await json<Row>(['project', 'create', '--description', 'for tests', 'eu-de_team1']);
    assert.equal(project['description'], 'for tests');
    assert.equal((await json<Row>(['project', 'show', 'eu-de_team1']))['id'], project['id']);
    const user = await json<Row>(['user', 'create', '--password', 'a ^~@=+ password', 'anna']);
    assert.equal((await json<Row>(['user', 'show', 'anna']))['id'], user['id']);
    const inProject = ['--project', 'eu-de_team1', '--user', 'anna'];
    await openstack(['role', 'add', ...inProject, 'member']);
    await openstack(['role', 'add', ...inProject, 'Tenant Administrator']);
    await openstack(['role', 'remove', ...inProject, 'te_admin']);
    const grants = await json<Row[]>(['role', 'assignment', 'list', '--names', ...inProject]);
    assert.deepEqual(
      grants.map((grant) => [grant['Role'], grant['User'], grant['Project']]),
      [['member', 'anna@Default', 'eu-de_team1@Default']],
    );

    const anna = { OS_USERNAME: 'anna', OS_PASSWORD: 'a ^~@=+ password', OS_PROJECT_NAME: 'eu-de_team1' };
    assert.deepEqual(await json<Row[]>(['project', 'list'], anna), [
      { ID: project['id'], Name: 'eu-de_team1' },
    ]);
    const refused = await run('openstack', ['user', 'list'], { env: environment(anna) });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /not authorized.*identity:list_users.*403/);

    const key = await json<Row>(['ec2', 'credentials', 'create'], anna);
    assert.match(String(key['secret']), /^[A-Za-z0-9]{40}$/);
    const keys = await json<Row[]>(['ec2', 'credentials', 'list'], anna);
    assert.deepEqual(
      keys.map((row) => [row['Access'], row['Secret'], row['Project ID']]),
      [[key['access'], '', project['id']]],
    );
    await openstack(['ec2', 'credentials', 'delete', String(key['access'])], anna);
    assert.deepEqual(await json<Row[]>(['ec2', 'credentials', 'list'], anna), []);

    await openstack(['user', 'delete', 'anna']);
    await openstack(['project', 'delete', 'eu-de_team1']);
    const gone = await run('openstack', ['project', 'show', 'eu-de_team1'], { env: environment() });
    assert.notEqual(gone.code, 0);
    assert.match(gone.stderr, /No project with a name or ID of 'eu-de_team1' exists/);
  });

  test('roles, domains, regions, services and endpoints are listed', async () => {
    const roles = await json<Row[]>(['role', 'list']);
    assert.ok(roles.some((role) => role['Name'] === 'Tenant Administrator'));
    assert.equal((await json<Row[]>(['domain', 'list']))[0]!['Name'], 'Default');
    assert.equal((await json<Row[]>(['region', 'list']))[0]!['Region'], server.ready.region);
    assert.equal((await json<Row[]>(['service', 'list'])).length, 5);
    assert.equal((await json<Row[]>(['endpoint', 'list'])).length, 15);
  });

  test('a revoked token is refused; a wrong password is told plainly', async () => {
    const token = (await openstack(['token', 'issue', '-f', 'value', '-c', 'id'])).trim();
    const withToken = { OS_AUTH_TYPE: 'token', OS_TOKEN: token };
    const bare = ['OS_USERNAME', 'OS_PASSWORD', 'OS_USER_DOMAIN_NAME'];
    const env = Object.fromEntries(
      Object.entries(environment(withToken)).filter(([name]) => !bare.includes(name)),
    );
    await runOk('openstack', ['token', 'issue'], { env });
    await openstack(['token', 'revoke', token]);
    const revoked = await run('openstack', ['token', 'issue'], { env });
    assert.notEqual(revoked.code, 0);
    const wrong = await run('openstack', ['token', 'issue'], { env: environment({ OS_PASSWORD: 'wrong' }) });
    assert.match(wrong.stderr, /The request you have made requires authentication\. \(HTTP 401\)/);
  });

  test('a reader sees images and registers none; a revoked token is 401 on the next image call', async () => {
    await openstack(['user', 'create', '--password', 'password of rita', 'rita']);
    await openstack(['role', 'add', '--project', server.ready.project.name, '--user', 'rita', 'reader']);
    const rita = { OS_USERNAME: 'rita', OS_PASSWORD: 'password of rita' };
    const token = (await openstack(['token', 'issue', '-f', 'value', '-c', 'id'], rita)).trim();
    const call = (method: string, path: string, body?: unknown): Promise<Response> =>
      fetch(`${server.ready.api}${path}`, {
        method,
        headers: { 'x-auth-token': token },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    assert.equal((await call('GET', '/v2/images')).status, 200);
    const id = '4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86';
    const register = await call('PUT', `/v1/cloudimages/${id}/upload`, { image_url: 'bucket:disk.qcow2' });
    assert.equal(register.status, 403);
    assert.equal(((await register.json()) as { error: { code: string } }).error.code, 'IMG.0026');
    assert.equal((await call('POST', '/v2/images', { name: 'x' })).status, 403);
    await openstack(['token', 'revoke', token]);
    const refused = await call('GET', '/v2/images');
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get('www-authenticate'), `Keystone uri="${server.ready.identity}"`);
    await openstack(['user', 'delete', 'rita']);
  });

  test('accounts, tokens and keys survive a restart', async () => {
    const token = (await openstack(['token', 'issue', '-f', 'value', '-c', 'id'])).trim();
    const { folder, ready } = server;
    await server.stop();
    server = await startServer({ folder });
    assert.deepEqual(
      [server.ready.password, server.ready.accessKey, server.ready.secretKey, server.ready.project],
      [ready.password, ready.accessKey, ready.secretKey, ready.project],
    );
    const answer = await fetch(`${server.ready.identity}/auth/projects`, {
      headers: { 'x-auth-token': token },
    });
    assert.equal(answer.status, 200);
    await openstack(['token', 'issue']);
  });
});
