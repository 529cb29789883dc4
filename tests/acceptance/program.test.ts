/** The program from outside: ready file, restart, refusal of a second process, stop, `push` and its exit codes. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { clientEnv, program, run, startServer } from '../harness.ts';
import type { Ran, Ready, Running } from '../harness.ts';

const sample = join(import.meta.dirname, '../fixtures/sample/sample.qcow2');
let server: Running;
before(async () => {
  server = await startServer();
});
after(() => server[Symbol.asyncDispose]());

const imageyard = (args: readonly string[], options: Parameters<typeof run>[2] = {}): Promise<Ran> =>
  run(process.execPath, [program, ...args], options);
const push = (...args: string[]): Promise<Ran> =>
  imageyard(['push', '--ready-file', server.readyFile, ...args]);

async function login(ready: Ready, password: string = ready.password): Promise<Response> {
  return fetch(`${ready.identity}/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: ready.user, domain: { name: ready.domain }, password } },
        },
        scope: { project: { id: ready.project.id } },
      },
    }),
  });
}

test('the ready file has everything a client needs, for its owner alone', async () => {
  const { ready } = server;
  assert.equal(statSync(server.readyFile).mode & 0o777, 0o600);
  assert.match(ready.api, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(ready.bucket, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(ready.identity, `${ready.api}/v3`);
  assert.equal(ready.domain, 'Default');
  const answer = await login(ready);
  assert.equal(answer.status, 201);
  const { token } = (await answer.json()) as {
    token: { roles: { name: string }[]; project: { name: string } };
  };
  const roles = token.roles.map((role) => role.name);
  assert.ok(
    roles.includes('admin') && (roles.includes('te_admin') || roles.includes('Tenant Administrator')),
    roles.join(),
  );
  assert.equal(token.project.name, ready.project.name);
});

test('the OpenAPI document names the routes that the server has', async () => {
  const document = (await (await fetch(`${server.ready.api}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, unknown>;
  };
  assert.equal(document.openapi, '3.1.0');
  for (const path of [
    '/v1/cloudimages/{image_id}/upload',
    '/v2/cloudimages',
    '/v1/{project_id}/jobs/{job_id}',
    '/v2/images',
  ])
    assert.ok(path in document.paths, path);
});

test('a second process on the same folder is refused with the reason', async () => {
  const { code, stderr } = await imageyard([
    'serve',
    '--data',
    server.data,
    '--listen',
    '127.0.0.1:0',
    '--bucket-listen',
    '127.0.0.1:0',
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /in use by another imageyard \(process \d+\)/);
});

test('a wrong address, setting or command is refused in one sentence', async () => {
  const wrong = await imageyard(['serve', '--data', join(server.folder, 'x'), '--listen', 'nowhere']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /--listen must be HOST:PORT/);
  const taken = await imageyard([
    'serve',
    '--data',
    join(server.folder, 'x'),
    '--listen',
    new URL(server.ready.api).host,
    '--bucket-listen',
    '127.0.0.1:0',
  ]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /port \d+ is in use/);
  assert.notEqual((await imageyard(['nonsense'])).code, 0);
});

test('push uploads, registers, shows each stage once and prints the active image', async () => {
  const { code, stdout, stderr } = await push(
    sample,
    '--name',
    'pushed',
    '--format',
    'raw',
    '--min-disk',
    '1',
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /status\s+active/);
  assert.match(stdout, /format\s+raw/);
  for (const name of ['md5', 'sha256', 'sha512'])
    assert.match(stdout, new RegExp(`${name}\\s+[0-9a-f]{32,128}\\n`));
  const manifest = JSON.parse(readFileSync(join(sample, '../manifest.json'), 'utf8')) as {
    'sample.qcow2': { guestSha256: string };
  };
  assert.match(
    stdout,
    new RegExp(`sha256\\s+${manifest['sample.qcow2'].guestSha256}`),
    'a raw file is the guest',
  );
  assert.ok(!stdout.includes('\r'), 'no redrawing when it is no terminal');
});

test('push takes an object that is in a bucket already, and the server from OS_* and AWS_*', async () => {
  const project = server.ready.project.id;
  const env = { ...clientEnv(server.ready), AWS_ENDPOINT_URL: server.ready.bucket };
  const { code, stdout, stderr } = await imageyard(['push', `push-${project}:sample.qcow2`], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /name\s+sample\.qcow2/);
});

test('push exits with 2 for what is refused, 3 for what cannot be reached, and leaves nothing behind', async () => {
  const file = join(server.folder, 'page.html');
  writeFileSync(file, '<!doctype html><title>404</title>'.repeat(100));
  const refused = await push(file);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /IMG\.0057/);
  const absent = await push('nobucket-here:object');
  assert.equal(absent.code, 2);
  assert.match(absent.stderr, /IMG\.0069/);
  const away = join(server.folder, 'away.json');
  writeFileSync(away, JSON.stringify({ ...server.ready, identity: 'http://127.0.0.1:9/v3' }));
  assert.equal((await imageyard(['push', sample, '--ready-file', away])).code, 3);
  assert.equal((await imageyard(['push', './absent.qcow2', '--ready-file', server.readyFile])).code, 1);
});

test('inspect and convert work without a server', async () => {
  const shown = await imageyard(['inspect', sample, '-o', 'json']);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /"format": "qcow2"/);
  const target = join(server.folder, 'out.vhd');
  assert.equal((await imageyard(['convert', sample, target, '--to', 'vhd'])).code, 0);
  assert.equal(
    (await imageyard(['convert', sample, target, '--to', 'vhd'])).code,
    2,
    'an existing target is kept',
  );
  assert.equal((await imageyard(['convert', target, target, '--to', 'raw'])).code, 2);
});

test('a restart keeps everything, credentials and tokens too; after a change the password is null', async (t) => {
  const first = await startServer();
  const token = (await login(first.ready)).headers.get('x-subject-token')!;
  await imageyard(['push', sample, '--ready-file', first.readyFile]);
  const started = performance.now();
  assert.equal(await first.stop(), 0);
  assert.ok(performance.now() - started < 10_000);
  assert.ok(!existsSync(first.readyFile), 'a stopped server is not ready');

  const second = await startServer({ folder: first.folder });
  const { api: _, bucket: __, identity: ___, ...kept } = second.ready;
  const { api: ____, bucket: _____, identity: ______, ...before_ } = first.ready;
  assert.deepEqual(kept, before_);
  const list = await fetch(`${second.ready.api}/v2/images`, { headers: { 'x-auth-token': token } });
  assert.equal(((await list.json()) as { images: unknown[] }).images.length, 1);
  const user = ((await (await login(second.ready)).json()) as { token: { user: { id: string } } }).token.user
    .id;
  const changed = await fetch(`${second.ready.identity}/users/${user}/password`, {
    method: 'POST',
    headers: { 'x-auth-token': token },
    body: JSON.stringify({
      user: { original_password: second.ready.password, password: 'another-password-1' },
    }),
  });
  assert.equal(changed.status, 204);
  await second.kill();

  const third = await startServer({ folder: first.folder });
  t.after(() => third[Symbol.asyncDispose]());
  assert.equal(third.ready.password, null);
  assert.equal(third.ready.secretKey, first.ready.secretKey);
  assert.equal((await login(third.ready, 'another-password-1')).status, 201);
});

test('IMAGEYARD_ADMIN_PASSWORD is the first password', async (t) => {
  const own = await startServer({ env: { IMAGEYARD_ADMIN_PASSWORD: 'chosen-by-the-operator' } });
  t.after(() => own[Symbol.asyncDispose]());
  assert.equal(own.ready.password, 'chosen-by-the-operator');
  assert.equal((await login(own.ready)).status, 201);
});

/** A Node older than the program needs, if this machine has one. */
function oldNode(): string | undefined {
  return ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    try {
      return Number(/^v(\d+)/.exec(String(execFileSync(path, ['-v'])))?.[1]) < 24;
    } catch {
      return false;
    }
  });
}

const old = oldNode();
test(
  'under an older Node the program runs itself again and passes signals and exit code on',
  { skip: old ? false : 'no Node older than 24 here' },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'imageyard-old-'));
    const ready = join(folder, 'ready.json');
    const args = [
      program,
      'serve',
      '--data',
      join(folder, 'data'),
      '--listen',
      '127.0.0.1:0',
      '--bucket-listen',
      '127.0.0.1:0',
      '--ready-file',
      ready,
    ];
    const start = async (): Promise<ReturnType<typeof spawn>> => {
      rmSync(ready, { force: true });
      const child = spawn(old!, args, { stdio: 'ignore' });
      for (let waited = 0; !existsSync(ready) && waited < 30_000; waited += 50) await pause(50);
      assert.ok(existsSync(ready));
      return child;
    };
    const gentle = await start();
    gentle.kill('SIGTERM');
    const [code] = (await once(gentle, 'exit')) as [number | null];
    assert.equal(code, 0);
    const killed = await start();
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const again = await start(); // the inner process must have let go of the folder
    again.kill('SIGTERM');
    await once(again, 'exit');
    const refused = await run(old!, [program, 'convert', 'absent', 'x', '--to', 'raw']);
    assert.equal(refused.code, 1);
    rmSync(folder, { recursive: true, force: true });
  },
);
