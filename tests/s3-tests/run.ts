/**
 * Run tests of the public S3 suite (github.com/ceph/s3-tests) against the real program: see docs/s3-tests.md.
 *
 *   node tests/s3-tests/run.ts CHECKOUT [test_s3.py::test_name …] [-- pytest arguments]
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startServer } from '../harness.ts';
import type { Ready } from '../harness.ts';

interface Tenant {
  readonly projectId: string;
  readonly name: string;
  readonly access: string;
  readonly secret: string;
}

/** A session of the first administrator with the identity API. */
async function administrator(ready: Ready) {
  const login = await fetch(`${ready.identity}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: ready.user, domain: { name: ready.domain }, password: ready.password } },
        },
        scope: { project: { id: ready.project.id } },
      },
    }),
  });
  const token = login.headers.get('x-subject-token') ?? '';
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${ready.identity}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return (text === '' ? {} : JSON.parse(text)) as T;
  };
}

/** A project of its own with a user who is a member of it, and his key: the suite needs three. */
async function makeTenant(api: Awaited<ReturnType<typeof administrator>>, name: string): Promise<Tenant> {
  const { project } = await api<{ project: { id: string } }>('POST', '/projects', { project: { name } });
  const password = randomBytes(12).toString('hex');
  const { user } = await api<{ user: { id: string } }>('POST', '/users', { user: { name, password } });
  const { roles } = await api<{ roles: { id: string }[] }>('GET', '/roles?name=member');
  await api('PUT', `/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id}`);
  const { credential } = await api<{ credential: { access: string; secret: string } }>(
    'POST',
    `/users/${user.id}/credentials/OS-EC2`,
    { tenant_id: project.id },
  );
  return { projectId: project.id, name, access: credential.access, secret: credential.secret };
}

/** The suite's configuration; the sections of services that don't exist hold placeholders. */
function configuration({ bucket, region }: Ready, tenants: readonly [Tenant, Tenant, Tenant]): string {
  const { hostname, port } = new URL(bucket);
  const section = (title: string, tenant: Tenant): string[] => [
    `[${title}]`,
    `display_name = ${tenant.name}`,
    `user_id = ${tenant.projectId}`,
    `email = ${tenant.name}@example.com`,
    `api_name = ${region}`,
    `access_key = ${tenant.access}`,
    `secret_key = ${tenant.secret}`,
  ];
  const none = { projectId: 'none', name: 'none', access: 'NONE', secret: 'none' };
  return [
    '[DEFAULT]',
    `host = ${hostname}`,
    `port = ${port}`,
    'is_secure = False',
    'ssl_verify = False',
    '[fixtures]',
    'bucket prefix = imy-{random}-',
    'iam name prefix = s3-tests-',
    'iam path prefix = /s3-tests/',
    ...section('s3 main', tenants[0]),
    ...section('s3 alt', tenants[1]),
    ...section('s3 tenant', tenants[2]),
    'tenant = none',
    ...section('iam', none),
    ...section('iam root', none),
    ...section('iam alt root', none),
    '',
  ].join('\n');
}

const split = process.argv.indexOf('--');
const [checkout, ...names] = process.argv.slice(2, split < 0 ? undefined : split);
const more = split < 0 ? [] : process.argv.slice(split + 1);
const functional = join(resolve(checkout ?? ''), 's3tests/functional');
if (checkout === undefined || !existsSync(functional)) {
  console.error('usage: node tests/s3-tests/run.ts CHECKOUT [test_s3.py::test_name …] [-- pytest arguments]');
  console.error('CHECKOUT is a working copy of https://github.com/ceph/s3-tests');
  process.exit(2);
}
const subset = readFileSync(join(import.meta.dirname, 'subset.txt'), 'utf8')
  .split('\n')
  .filter(Boolean);
const chosen = names.length > 0 ? names : subset;

const folder = mkdtempSync(join(tmpdir(), 'imageyard-s3-tests-'));
const server = await startServer();
try {
  const api = await administrator(server.ready);
  const tenants = [
    await makeTenant(api, 'main'),
    await makeTenant(api, 'alt'),
    await makeTenant(api, 'other'),
  ] as const;
  const file = join(folder, 's3tests.conf');
  writeFileSync(file, configuration(server.ready, [...tenants]), { mode: 0o600 });
  const { AWS_DEFAULT_REGION: _region, ...env } = process.env; // would change how buckets are made
  const python = process.env['PYTHON'] ?? '/usr/bin/python3';
  const tests = chosen.map((name) => `s3tests/functional/${name}`);
  const child = spawn(
    python,
    ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--tb=short', ...more, ...tests],
    {
      cwd: resolve(checkout),
      env: { ...env, S3TEST_CONF: file },
      stdio: 'inherit',
    },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}
