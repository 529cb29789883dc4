import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import pino from 'pino';
import { logSerializers, redactedPaths } from '../../http/log.ts';
import { adminPassword, startKeystone } from './testing.ts';

test('the log tells who did what, and holds no password, token or secret at any level', async () => {
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString();
      done();
    },
  });
  const logger = pino({ level: 'trace', redact: redactedPaths, serializers: logSerializers }, sink);
  const keystone = await startKeystone(logger);
  const user = { name: 'admin', domain: { name: 'Default' }, password: adminPassword };
  const body = (password: string) => ({
    auth: { identity: { methods: ['password'], password: { user: { ...user, password } } } },
  });
  const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
    keystone.app.inject({ method: 'POST', url, payload: JSON.stringify(payload), headers });

  await post('/v3/auth/tokens', body('not the passphrase'));
  await post('/v3/auth/tokens', { ...body(adminPassword), broken: 'body of a login' });
  const login = await post('/v3/auth/tokens', body(adminPassword));
  const token = login.headers['x-subject-token'] as string;
  const headers = { 'x-auth-token': token };
  const made = await post(
    '/v3/users',
    { user: { name: 'logged', password: 'the password of logged' } },
    headers,
  );
  const { id } = (made.json() as { user: { id: string } }).user;
  const change = { user: { original_password: 'the password of logged', password: 'its next password' } };
  await post(`/v3/users/${id}/password`, change);
  const key = await post('/v3.0/OS-CREDENTIAL/credentials', { credential: { user_id: id } }, headers);
  const { secret } = (key.json() as { credential: { secret: string } }).credential;
  await keystone.app.inject({ url: '/v3/auth/tokens', headers: { ...headers, 'x-subject-token': token } });
  await keystone.app.inject({ url: '/v3/projects', headers: { 'x-auth-token': `${token}x` } });
  await keystone.close();

  for (const text of [
    adminPassword,
    'not the passphrase',
    'password of logged',
    'next password',
    token,
    secret,
  ])
    assert.ok(!log.includes(text), text.slice(0, 6));
  const events = log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const logins = events.filter(({ event }) => event === 'login');
  assert.deepEqual(
    logins.map(({ outcome, reason }) => [outcome, reason]),
    [
      ['refused', 'wrong password'],
      ['success', undefined],
      ['success', undefined],
    ],
  );
  assert.match(String(logins[2]!['audit']), /^[A-Za-z0-9_-]{22}$/);
  for (const event of ['user-created', 'password-changed', 'key-made'])
    assert.ok(
      events.some((each) => each['event'] === event),
      event,
    );
});
