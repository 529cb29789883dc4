import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { adminPassword, startKeystone } from './testing.ts';
import type { TestKeystone } from './testing.ts';

let keystone: TestKeystone;
before(async () => {
  keystone = await startKeystone();
});
after(() => keystone.close());

type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- bodies of others' making

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Json;
  text: string;
}

async function call(
  method: string,
  url: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await keystone.app.inject({
    method: method as 'GET',
    url,
    headers: {
      host: 'iy.example.com:8774',
      ...(options.token === undefined ? {} : { 'x-auth-token': options.token }),
      ...options.headers,
    },
    ...(options.body === undefined
      ? {}
      : { payload: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
  });
  const text = response.payload;
  return {
    status: response.statusCode,
    headers: response.headers as Answer['headers'],
    body: text.startsWith('{') ? (JSON.parse(text) as Json) : {},
    text,
  };
}

function passwordBody(scope?: unknown, user: Json = {}): Json {
  const named = { name: 'admin', domain: { name: 'Default' }, password: adminPassword, ...user };
  const identity = { methods: ['password'], password: { user: named } };
  return { auth: scope === undefined ? { identity } : { identity, scope } };
}

const project = { project: { name: 'eu-de', domain: { name: 'Default' } } };

async function login(scope: unknown = project, user: Json = {}): Promise<string> {
  const { status, headers } = await call('POST', '/v3/auth/tokens', { body: passwordBody(scope, user) });
  assert.equal(status, 201);
  return headers['x-subject-token'] as string;
}

/** A user with the role `member` in a project of his own. */
async function plain(name: string): Promise<{ token: string; userId: string; projectId: string }> {
  const admin = await login();
  const made = await call('POST', '/v3/projects', {
    token: admin,
    body: { project: { name: `${name}-project` } },
  });
  const user = await call('POST', '/v3/users', {
    token: admin,
    body: { user: { name, password: `password of ${name}` } },
  });
  const member = await call('GET', '/v3/roles?name=member', { token: admin });
  const [projectId, userId] = [made.body['project'].id as string, user.body['user'].id as string];
  const grant = `/v3/projects/${projectId}/users/${userId}/roles/${member.body['roles'][0].id}`;
  assert.equal((await call('PUT', grant, { token: admin })).status, 204);
  const token = await login({ project: { id: projectId } }, { name, password: `password of ${name}` });
  return { token, userId, projectId };
}

const unauthorized = {
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
};

test('discovery answers at every place a client may look, with links as the client named the host', async () => {
  const places = {
    '/v3': '/v3/',
    '/v3/': '/v3/',
    '/v3.0': '/v3/',
    '/identity/v3': '/identity/v3/',
    '/identity/v3/': '/identity/v3/',
  };
  for (const [url, path] of Object.entries(places)) {
    const { status, body, headers } = await call('GET', url, { token: 'bad tokens are ignored' });
    assert.equal(status, 200, url);
    assert.equal(body['version'].id, 'v3.14');
    assert.equal(body['version'].status, 'stable');
    assert.deepEqual(body['version'].links, [{ rel: 'self', href: `http://iy.example.com:8774${path}` }]);
    assert.equal(headers['vary'], 'X-Auth-Token');
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.match(String(headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/);
    assert.equal((await call('HEAD', url)).status, 200);
  }
  for (const url of ['/identity', '/identity/']) {
    const { status, body, headers } = await call('GET', url);
    assert.equal(status, 300);
    const href = 'http://iy.example.com:8774/identity/v3/';
    assert.equal(headers['location'], href);
    assert.equal(body['versions'].values[0].links[0].href, href);
  }
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'images.example.com' };
  const { body } = await call('GET', '/v3', { headers: forwarded });
  assert.equal(body['version'].links[0].href, 'https://images.example.com/v3/');
});

test('a project token: 201, token only in the header, body as clients parse it', async () => {
  const { status, headers, body } = await call('POST', '/v3/auth/tokens', { body: passwordBody(project) });
  assert.equal(status, 201);
  assert.match(String(headers['x-subject-token']), /^iy_[A-Za-z0-9_-]{43}$/);
  assert.equal(headers['cache-control'], 'no-store');
  const { token } = body as { token: Json };
  assert.deepEqual(Object.keys(token).sort(), [
    'audit_ids',
    'catalog',
    'expires_at',
    'is_domain',
    'issued_at',
    'methods',
    'project',
    'roles',
    'user',
  ]);
  assert.match(token['expires_at'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(Date.parse(token['expires_at']) - Date.parse(token['issued_at']), 24 * 3600_000);
  assert.match(token['audit_ids'][0], /^[A-Za-z0-9_-]{22}$/);
  assert.deepEqual(token['methods'], ['password']);
  assert.deepEqual(token['project'].domain, { id: 'default', name: 'Default' });
  assert.equal(token['user'].password_expires_at, null);
  const names = token['roles'].map((role: Json) => role['name']);
  for (const name of ['admin', 'member', 'reader', 'te_admin', 'Tenant Administrator'])
    assert.ok(names.includes(name));
  assert.ok(!JSON.stringify(body).includes(String(headers['x-subject-token'])));
});

test('the catalogue has every type with three interfaces, both region fields, and URLs without version', async () => {
  const { body } = await call('POST', '/v3/auth/tokens', { body: passwordBody(project) });
  const catalog = body['token'].catalog as Json[];
  const urls = Object.fromEntries(catalog.map((entry) => [entry['type'], entry['endpoints'][0].url]));
  assert.deepEqual(urls, {
    identity: 'http://iy.example.com:8774/v3',
    image: 'http://iy.example.com:8774',
    ims: 'http://iy.example.com:8774',
    object: 'http://iy.example.com:8775',
    s3: 'http://iy.example.com:8775',
  });
  for (const entry of catalog) {
    assert.deepEqual(
      entry['endpoints'].map((endpoint: Json) => endpoint['interface']),
      ['public', 'internal', 'admin'],
    );
    for (const endpoint of entry['endpoints'])
      assert.deepEqual([endpoint.region, endpoint.region_id], ['eu-de', 'eu-de']);
  }
  const without = await call('POST', '/v3/auth/tokens?nocatalog', { body: passwordBody(project) });
  assert.ok(!('catalog' in without.body['token']));
});

test('scopes: none, unscoped, domain, name without domain, id with a domain beside it, project before domain', async () => {
  const scopeOf = async (scope: unknown) => {
    const { status, body } = await call('POST', '/v3/auth/tokens', { body: passwordBody(scope) });
    assert.equal(status, 201, JSON.stringify(scope));
    return body['token'] as Json;
  };
  const id = keystone.first.project!.id;
  assert.equal((await scopeOf(undefined))['project'].id, id); // his default project
  const unscoped = await scopeOf('unscoped');
  for (const key of ['roles', 'catalog', 'project', 'domain', 'is_domain'])
    assert.ok(!(key in unscoped), key);
  const domain = await scopeOf({ domain: { name: 'default' } });
  assert.deepEqual(domain['domain'], { id: 'default', name: 'Default' });
  assert.ok(domain['catalog'] && domain['roles'] && !('project' in domain) && !('is_domain' in domain));
  assert.equal((await scopeOf({ project: { name: 'EU-DE' } }))['project'].id, id);
  assert.equal((await scopeOf({ project: { id, domain: { id: 'nowhere' } } }))['project'].id, id);
  assert.equal((await scopeOf({ project: { id }, domain: { id: 'default' } }))['project'].id, id);
});

test('a domain beside a user id is ignored; a body may end in a newline and have any content type', async () => {
  const user = { id: keystone.first.user!.id, password: adminPassword, domain: { id: 'nowhere' } };
  const auth = { identity: { methods: ['password'], password: { user } }, scope: project };
  const { status } = await call('POST', '/v3/auth/tokens/', {
    body: `${JSON.stringify({ auth })}\n`,
    headers: { 'content-type': 'text/plain', 'x-auth-token': 'wrong, and ignored' },
  });
  assert.equal(status, 201);
});

test('whatever is wrong with credentials or scope: one answer, one hash', async () => {
  const admin = await login();
  await call('POST', '/v3/users', {
    token: admin,
    body: { user: { name: 'disabled', password: 'right password', enabled: false } },
  });
  const attempts: Json[] = [
    passwordBody(project, { name: 'nobody' }),
    passwordBody(project, { domain: { name: 'nowhere' } }),
    passwordBody(project, { password: 'wrong password' }),
    passwordBody(project, { name: 'disabled', password: 'right password' }),
    passwordBody({ project: { name: 'nowhere' } }),
    passwordBody({ domain: { id: 'nowhere' } }),
    passwordBody({ system: { all: true } }),
  ];
  const answers = new Set<string>();
  for (const body of attempts) {
    keystone.hashes.count = 0;
    const { status, headers, text } = await call('POST', '/v3/auth/tokens', { body });
    assert.equal(status, 401);
    assert.equal(headers['www-authenticate'], 'Keystone uri="http://iy.example.com:8774/v3"');
    assert.equal(keystone.hashes.count, 1);
    answers.add(text);
  }
  assert.deepEqual([...answers], [JSON.stringify(unauthorized)]);
  for (const body of [
    { auth: { identity: { methods: [] } } },
    passwordBody(project, { password: undefined }),
  ])
    assert.deepEqual((await call('POST', '/v3/auth/tokens', { body })).body, unauthorized);
});

test('bad login bodies are told what is missing, without an echo of the password', async () => {
  const tail =
    ' The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';
  const cases: [body: unknown, status: number, message: string][] = [
    ['', 400, `Expecting to find valid JSON in request body.${tail}`],
    ['[]', 400, `Expecting to find valid JSON in request body.${tail}`],
    ['{"auth":', 400, `Expecting to find valid JSON in request body.${tail}`],
    ['['.repeat(50_000), 400, `Expecting to find valid JSON in request body.${tail}`],
    [{}, 400, `Expecting to find auth in request body.${tail}`],
    [{ auth: {} }, 400, "'identity' is a required property"],
    [{ auth: { identity: {} } }, 400, "'methods' is a required property"],
    [
      { auth: { identity: { methods: ['password'] } } },
      400,
      `Expecting to find password in identity.${tail}`,
    ],
    [passwordBody(project, { domain: undefined }), 400, `Expecting to find domain in user.${tail}`],
    [
      passwordBody(project, { name: undefined }),
      400,
      'Invalid input for field identity/password/user: id or name must be present.',
    ],
    [
      passwordBody(project, { password: 12_345_678 }),
      400,
      "Invalid input for field 'identity/password/user/password': it must be a string.",
    ],
    [
      passwordBody({}),
      400,
      `Expecting to find system, project, domain, OS-TRUST:trust or unscoped in scope.${tail}`,
    ],
    [
      passwordBody({ 'OS-TRUST:trust': { id: 'x' } }),
      400,
      `Expecting to find system, project, domain, OS-TRUST:trust or unscoped in scope.${tail}`,
    ],
  ];
  for (const [body, status, message] of cases) {
    const answer = await call('POST', '/v3/auth/tokens', { body });
    assert.deepEqual([answer.status, answer.body['error'].message], [status, message]);
    assert.deepEqual([answer.body['error'].code, answer.body['error'].title], [400, 'Bad Request']);
    assert.ok(!answer.text.includes('12345678'));
  }
  const totp = { auth: { identity: { methods: ['totp'], totp: {} } } };
  const { status, body } = await call('POST', '/v3/auth/tokens', { body: totp });
  assert.equal(status, 401);
  assert.equal(body['error'].message, 'Attempted to authenticate with an unsupported method.');
  assert.deepEqual(body['error'].identity, { methods: ['password', 'token'] });
});

test('a body over 112 KiB is refused', async () => {
  const { status, body } = await call('POST', '/v3/auth/tokens', { body: { auth: 'x'.repeat(114_688) } });
  assert.deepEqual([status, body['error'].title], [413, 'Request Entity Too Large']);
});

test('rescoping by token keeps the expiry; a dead token as proof is 404', async () => {
  const first = await call('POST', '/v3/auth/tokens', { body: passwordBody('unscoped') });
  const id = first.headers['x-subject-token'];
  const identity = { methods: ['token'], token: { id } };
  const { status, body } = await call('POST', '/v3/auth/tokens', {
    body: { auth: { identity, scope: project } },
  });
  assert.equal(status, 201);
  assert.equal(body['token'].expires_at, first.body['token'].expires_at);
  assert.deepEqual(body['token'].methods, ['password', 'token']);
  assert.equal(body['token'].audit_ids[1], first.body['token'].audit_ids[0]);
  const dead = { methods: ['token'], token: { id: 'gAAAAAB' } };
  assert.equal((await call('POST', '/v3/auth/tokens', { body: { auth: { identity: dead } } })).status, 404);
});

test('a token is shown, checked and revoked by its owner; a dead one is 404, a dead caller 401', async () => {
  const token = await login();
  const headers = { 'x-subject-token': token };
  const shown = await call('GET', '/v3/auth/tokens', { token, headers });
  assert.equal(shown.status, 200);
  assert.equal(shown.headers['x-subject-token'], token);
  assert.equal(shown.body['token'].project.name, 'eu-de');
  assert.ok(
    !('catalog' in (await call('GET', '/v3/auth/tokens?nocatalog=1', { token, headers })).body['token']),
  );
  const checked = await call('HEAD', '/v3/auth/tokens', { token, headers });
  assert.deepEqual([checked.status, checked.headers['x-subject-token']], [200, token]);
  const none = await call('GET', '/v3/auth/tokens', { token });
  assert.deepEqual([none.status, none.body['error'].message], [404, 'No token in the request']);
  const { token: stranger } = await plain('stranger');
  const garbage = await call('GET', '/v3/auth/tokens', {
    token: stranger,
    headers: { 'x-subject-token': 'x' },
  });
  assert.deepEqual([garbage.status, garbage.body['error'].message], [404, 'Failed to validate token']);
  const foreign = await call('GET', '/v3/auth/tokens', { token: stranger, headers });
  assert.equal(
    foreign.body['error'].message,
    'You are not authorized to perform the requested action: identity:validate_token.',
  );
  assert.equal((await call('DELETE', '/v3/auth/tokens', { token: stranger, headers })).status, 403);
  const other = await login();
  assert.equal((await call('DELETE', '/v3/auth/tokens', { token: other, headers })).status, 204);
  assert.equal((await call('DELETE', '/v3/auth/tokens', { token: other, headers })).status, 404);
  const dead = await call('GET', '/v3/auth/tokens', { token, headers });
  assert.deepEqual([dead.status, dead.body], [401, unauthorized]);
  assert.equal(dead.headers['www-authenticate'], 'Keystone uri="http://iy.example.com:8774/v3"');
});

test('what a credential learns about itself: projects, the own domain, the catalogue, with any token', async () => {
  const { token, projectId } = await plain('curious');
  const unscoped = await login('unscoped', { name: 'curious', password: 'password of curious' });
  for (const each of [token, unscoped]) {
    const projects = await call('GET', '/v3/auth/projects', { token: each });
    assert.deepEqual(
      projects.body['projects'].map((p: Json) => p['id']),
      [projectId],
    );
    assert.deepEqual(projects.body['links'], {
      next: null,
      self: 'http://iy.example.com:8774/v3/auth/projects',
      previous: null,
    });
    const domains = await call('GET', '/v3/auth/domains', { token: each });
    assert.deepEqual(
      domains.body['domains'].map((d: Json) => d['id']),
      ['default'],
    );
    assert.deepEqual(
      (await call('GET', '/v3/auth/domains?name=DEFAULT', { token: each })).body['domains'].length,
      1,
    );
    assert.deepEqual((await call('GET', '/v3/auth/domains?name=Def', { token: each })).body['domains'], []);
    assert.equal((await call('GET', '/v3/auth/catalog', { token: each })).body['catalog'].length, 5);
    assert.deepEqual((await call('GET', '/v3/auth/system', { token: each })).body['system'], []);
  }
});

test('look-up by name: as an id 404, then an exact filter, never a prefix', async () => {
  const token = await login();
  for (const [kind, name] of [
    ['projects', 'eu-de'],
    ['users', 'admin'],
    ['roles', 'member'],
    ['domains', 'Default'],
  ] as const) {
    assert.equal((await call('GET', `/v3/${kind}/${name}`, { token })).status, 404, kind);
    const list = await call('GET', `/v3/${kind}?name=${name}`, { token });
    assert.equal(list.body[kind].length, 1, kind);
    assert.equal(list.body[kind][0].name, name);
    const { self } = list.body[kind][0].links as { self: string };
    const shown = await call('GET', self.replace('http://iy.example.com:8774', ''), { token });
    assert.deepEqual(Object.values(shown.body)[0], list.body[kind][0]);
    assert.deepEqual((await call('GET', `/v3/${kind}?name=${name.slice(0, 3)}`, { token })).body[kind], []);
  }
  const missing = await call('GET', '/v3/projects/nope', { token });
  assert.deepEqual(missing.body['error'], {
    code: 404,
    message: 'Could not find project: nope.',
    title: 'Not Found',
  });
});

test('roles are listed under every spelling, and found under each', async () => {
  const token = await login();
  const { body } = await call('GET', '/v3/roles', { token });
  const names = new Set(body['roles'].map((role: Json) => role['name']));
  for (const name of [
    'admin',
    'member',
    'reader',
    'service',
    'te_admin',
    'Tenant Administrator',
    'secu_admin',
    'Security Administrator',
    'readonly',
    'te_readonly',
    'Tenant Guest',
    'IMS Administrator',
    'IMS FullAccess',
    'Server Administrator',
    'IMS ReadOnlyAccess',
    'te_agency',
  ])
    assert.ok(names.has(name), name);
  const [short] = (await call('GET', '/v3/roles?name=te_admin', { token })).body['roles'];
  const [long] = (await call('GET', '/v3/roles?name=Tenant%20Administrator', { token })).body['roles'];
  assert.deepEqual([short.name, long.name, short.id], ['te_admin', 'Tenant Administrator', long.id]);
  assert.deepEqual(short.options, { immutable: true });
  assert.equal((await call('DELETE', `/v3/roles/${short.id}`, { token })).status, 403);
});

test('projects: create, show, change, delete; duplicates 409 with the known text', async () => {
  const token = await login();
  const made = await call('POST', '/v3/projects', {
    token,
    body: { project: { name: 'p1', description: 'one', cost_center: '7', id: 'mine', is_domain: false } },
  });
  assert.equal(made.status, 201);
  const { id } = made.body['project'] as { id: string };
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(made.body['project'], {
    cost_center: '7',
    id,
    name: 'p1',
    domain_id: 'default',
    description: 'one',
    enabled: true,
    parent_id: 'default',
    is_domain: false,
    tags: [],
    options: {},
    links: { self: `http://iy.example.com:8774/v3/projects/${id}` },
  });
  const again = await call('POST', '/v3/projects', { token, body: { project: { name: 'P1' } } });
  assert.equal(again.status, 409);
  assert.match(
    again.body['error'].message,
    /^Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name or same id in the same domain: name is P1, project id [0-9a-f]{32}\.$/,
  );
  const changed = await call('PATCH', `/v3/projects/${id}`, { token, body: { project: { enabled: false } } });
  assert.deepEqual([changed.body['project'].enabled, changed.body['project'].cost_center], [false, '7']);
  assert.equal((await call('GET', '/v3/projects?enabled=False', { token })).body['projects'].length, 1);
  const gone = await call('DELETE', `/v3/projects/${id}`, { token });
  assert.deepEqual([gone.status, gone.text, gone.headers['content-type']], [204, '', undefined]);
  assert.equal((await call('DELETE', `/v3/projects/${id}`, { token })).status, 404);
  for (const bad of [
    {},
    { name: '' },
    { name: 7 },
    { name: 'x'.repeat(65) },
    { name: 'x', enabled: 'yes' },
    { name: 'x', parent_id: id },
  ])
    assert.equal(
      (await call('POST', '/v3/projects', { token, body: { project: bad } })).status,
      400,
      JSON.stringify(bad),
    );
});

test('a member sees his own projects with 200, and is told 403 for the rest', async () => {
  const { token, projectId, userId } = await plain('member');
  const list = await call('GET', '/v3/projects', { token });
  assert.deepEqual([list.status, list.body['projects'].map((p: Json) => p['id'])], [200, [projectId]]);
  assert.deepEqual((await call('GET', '/v3/projects?name=eu-de', { token })).body['projects'], []);
  assert.equal((await call('GET', `/v3/users/${userId}/projects`, { token })).body['projects'].length, 1);
  assert.equal((await call('GET', `/v3/users/${userId}`, { token })).status, 200);
  assert.equal((await call('GET', '/v3/domains/default', { token })).status, 200);
  assert.equal((await call('GET', '/v3/regions', { token })).body['regions'][0].type, 'public');
  const forbidden: [string, string, string][] = [
    ['GET', `/v3/projects/${keystone.first.project!.id}`, 'get_project'],
    ['GET', '/v3/projects/nowhere', 'get_project'],
    ['GET', '/v3/users', 'list_users'],
    ['GET', '/v3/roles', 'list_roles'],
    ['GET', '/v3/domains', 'list_domains'],
    ['GET', '/v3/services', 'list_services'],
    ['GET', '/v3/endpoints', 'list_endpoints'],
    ['GET', '/v3/role_assignments', 'list_role_assignments'],
    ['DELETE', `/v3/users/${userId}`, 'delete_user'],
    ['POST', `/v3/users/${keystone.first.user!.id}/credentials/OS-EC2`, 'ec2_create_credential'],
  ];
  for (const [method, url, rule] of forbidden) {
    const { status, body } = await call(method, url, {
      token,
      ...(method === 'POST' ? { body: { tenant_id: projectId } } : {}),
    });
    assert.equal(status, 403, url);
    assert.equal(
      body['error'].message,
      `You are not authorized to perform the requested action: identity:${rule}.`,
    );
  }
});

test('users: no answer holds a password, a reset ends the tokens, the owner changes his own without a token', async () => {
  const admin = await login();
  const made = await call('POST', '/v3/users', {
    token: admin,
    body: {
      user: { name: 'anna', password: 'first password', email: 'a@example.com', domain_id: 'default' },
    },
  });
  assert.equal(made.status, 201);
  assert.equal(made.body['user'].email, 'a@example.com');
  assert.ok(!('password' in made.body['user']) && !made.text.includes('argon2'));
  const { id } = made.body['user'] as { id: string };
  const same = await call('POST', '/v3/users', { token: admin, body: { user: { name: 'ANNA' } } });
  assert.equal(
    same.body['error'].message,
    'Conflict occurred attempting to store user - Duplicate entry found with name ANNA at domain ID default.',
  );
  const weak = await call('POST', '/v3/users', {
    token: admin,
    body: { user: { name: 'weak', password: 'short' } },
  });
  assert.equal(
    weak.body['error'].message,
    'The password does not match the requirements: at least 8 characters.',
  );
  const token = await login('unscoped', { name: 'anna', password: 'first password' });
  const change = (original_password: string, password: string) =>
    call('POST', `/v3/users/${id}/password`, { body: { user: { original_password, password } } });
  assert.deepEqual((await change('wrong', 'second password')).body, unauthorized);
  assert.equal((await change('first password', 'second password')).status, 204);
  assert.equal((await call('GET', '/v3/auth/projects', { token })).status, 401);
  const second = await login('unscoped', { name: 'anna', password: 'second password' });
  await call('PATCH', `/v3/users/${id}`, { token: admin, body: { user: { password: 'third password' } } });
  assert.equal((await call('GET', '/v3/auth/projects', { token: second })).status, 401);
  assert.equal((await call('DELETE', `/v3/users/${id}`, { token: admin })).status, 204);
  const self = await call('DELETE', `/v3/users/${keystone.first.user!.id}`, { token: admin });
  assert.equal(self.status, 403); // the last administrator
});

test('grants: put twice, checked by HEAD, listed with names, taken away once', async () => {
  const token = await login();
  const { userId, projectId } = await plain('granted');
  const [reader] = (await call('GET', '/v3/roles?name=reader', { token })).body['roles'];
  for (const scope of [`/v3/projects/${projectId}`, '/v3/domains/default']) {
    const grant = `${scope}/users/${userId}/roles/${reader.id}`;
    assert.equal((await call('HEAD', grant, { token })).status, 404);
    assert.equal((await call('PUT', grant, { token })).status, 204);
    assert.equal((await call('PUT', grant, { token })).status, 204);
    assert.equal((await call('HEAD', grant, { token })).status, 204);
    const names = (await call('GET', `${scope}/users/${userId}/roles`, { token })).body['roles'];
    assert.ok(names.some((role: Json) => role['name'] === 'reader'));
    const query = `/v3/role_assignments?user.id=${userId}&role.id=${reader.id}&include_names=True`;
    assert.equal((await call('GET', query, { token })).body['role_assignments'][0].role.name, 'reader');
    assert.equal((await call('DELETE', grant, { token })).status, 204);
    const absent = await call('DELETE', grant, { token });
    assert.equal(absent.status, 404);
    assert.match(absent.body['error'].message, /^Could not find role assignment with role: /);
  }
  const plainly = await call('GET', `/v3/role_assignments?scope.project.id=${projectId}`, { token });
  const [member] = (await call('GET', '/v3/roles?name=member', { token })).body['roles'];
  assert.deepEqual(plainly.body['role_assignments'], [
    {
      links: {
        assignment: `http://iy.example.com:8774/v3/projects/${projectId}/users/${userId}/roles/${member.id}`,
      },
      scope: { project: { id: projectId } },
      user: { id: userId },
      role: { id: member.id },
    },
  ]);
  const nobody = await call('PUT', `/v3/projects/${projectId}/users/nobody/roles/${reader.id}`, { token });
  assert.equal(nobody.body['error'].message, 'Could not find user: nobody.');
});

test('EC2 credentials: the secret once, then empty; deleted once', async () => {
  const { token, userId, projectId } = await plain('ec2');
  const base = `/v3/users/${userId}/credentials/OS-EC2`;
  const made = await call('POST', base, { token, body: { tenant_id: projectId } });
  assert.equal(made.status, 201);
  const { access, secret, tenant_id, trust_id } = made.body['credential'] as Json;
  assert.match(access, /^[A-Z0-9]{20}$/);
  assert.match(secret, /^[A-Za-z0-9]{40}$/);
  assert.deepEqual([tenant_id, trust_id], [projectId, null]);
  const list = await call('GET', base, { token });
  assert.deepEqual(
    list.body['credentials'].map((key: Json) => [key['access'], key['secret']]),
    [[access, '']],
  );
  assert.equal((await call('GET', `${base}/${access}`, { token })).body['credential'].secret, '');
  assert.equal((await keystone.identity.findAccessKey(access)).secret, secret);
  assert.equal((await call('POST', base, { token, body: { tenant_id: 'nowhere' } })).status, 404);
  assert.equal((await call('DELETE', `${base}/${access}`, { token })).status, 204);
  assert.equal((await call('DELETE', `${base}/${access}`, { token })).status, 404);
});

test('OS-CREDENTIAL keys, at the root of the host: two for each user, PUT answers 200', async () => {
  const { token, userId } = await plain('otc');
  for (const base of ['/v3.0/OS-CREDENTIAL/credentials', '/v3/OS-CREDENTIAL/credentials']) {
    const made = await call('POST', base, {
      token,
      body: { credential: { user_id: userId, description: 'ci' } },
    });
    assert.equal(made.status, 201);
    const { access, secret, status, create_time } = made.body['credential'] as Json;
    assert.ok(secret && status === 'active');
    assert.match(create_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const off = await call('PUT', `${base}/${access}`, {
      token,
      body: { credential: { status: 'inactive' } },
    });
    assert.deepEqual([off.status, off.body['credential'].status], [200, 'inactive']);
    const shown = await call('GET', `${base}/${access}`, { token });
    assert.ok(shown.body['credential'].last_use_time && !('secret' in shown.body['credential']));
  }
  const third = await call('POST', '/v3.0/OS-CREDENTIAL/credentials', {
    token,
    body: { credential: { user_id: userId } },
  });
  assert.deepEqual(third.body, { error: { code: 400, message: 'akSkNumExceed', title: 'Bad Request' } });
  const list = await call('GET', '/v3.0/OS-CREDENTIAL/credentials', { token });
  assert.equal(list.body['credentials'].length, 2);
  for (const { access } of list.body['credentials'])
    assert.equal((await call('DELETE', `/v3.0/OS-CREDENTIAL/credentials/${access}`, { token })).status, 204);
  const foreign = `/v3.0/OS-CREDENTIAL/credentials/${keystone.first.key!.access}`;
  assert.equal((await call('GET', foreign, { token })).status, 404);
});

test('services and endpoints are one catalogue; filters narrow them', async () => {
  const token = await login();
  const services = (await call('GET', '/v3/services?type=image', { token })).body['services'];
  assert.deepEqual(
    services.map((s: Json) => s['name']),
    ['glance'],
  );
  const url = `/v3/endpoints?service_id=${services[0].id}&interface=public`;
  const [endpoint] = (await call('GET', url, { token })).body['endpoints'];
  assert.equal(endpoint.url, 'http://iy.example.com:8774');
  assert.equal((await call('GET', `/v3/endpoints/${endpoint.id}`, { token })).status, 200);
  assert.equal((await call('GET', '/v3/services/nope', { token })).status, 404);
  assert.equal((await call('GET', '/v3/regions/eu-de', { token })).status, 200);
  assert.equal((await call('GET', '/v3/regions/nowhere', { token })).status, 404);
});

test('OPTIONS, wrong methods and unknown paths', async () => {
  const options = await call('OPTIONS', '/v3/auth/tokens');
  assert.deepEqual([options.status, options.headers['allow']], [200, 'DELETE, GET, HEAD, POST']);
  const wrong = await call('PUT', '/v3/auth/tokens');
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers['allow'], 'DELETE, GET, HEAD, POST');
  assert.deepEqual(wrong.body, { message: 'The method is not allowed for the requested URL.' });
  const unknown = await call('GET', '/v3/trusts');
  assert.deepEqual(
    [unknown.status, unknown.body['error'].code, unknown.body['error'].title],
    [404, 404, 'Not Found'],
  );
  assert.equal((await call('GET', '/v3/%E0%A4%A')).status, 400);
  assert.equal((await call('GET', '/v3/projects')).status, 401);
});

test('the whole tree answers below /identity too, with its own links', async () => {
  const { headers } = await call('POST', '/identity/v3/auth/tokens', { body: passwordBody(project) });
  const token = headers['x-subject-token'] as string;
  const { body } = await call('GET', '/identity/v3/projects?name=eu-de', { token });
  assert.equal(body['links'].self, 'http://iy.example.com:8774/identity/v3/projects?name=eu-de');
  assert.match(body['projects'][0].links.self, /^http:\/\/iy\.example\.com:8774\/identity\/v3\/projects\//);
});
