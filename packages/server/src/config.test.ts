import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseHostPort, readSettings, SettingError } from './config.ts';

test('a flag beats the environment, which beats the default', () => {
  assert.deepEqual(readSettings({}, {}).listen, { host: '127.0.0.1', port: 8774 });
  const env = { IMAGEYARD_LISTEN: '0.0.0.0:1' };
  assert.deepEqual(readSettings({}, env).listen, { host: '0.0.0.0', port: 1 });
  assert.deepEqual(readSettings({ listen: '[::1]:2' }, env).listen, { host: '::1', port: 2 });
});

test('the embedded database lies in the data folder unless DATABASE_URL says otherwise', () => {
  assert.equal(readSettings({ data: 'here' }, {}).databaseUrl, `sqlite:${resolve('here')}/catalog.sqlite`);
  assert.equal(readSettings({}, { DATABASE_URL: 'postgresql://h/d' }).databaseUrl, 'postgresql://h/d');
});

test('a value that cannot be used is refused by the name of its setting', () => {
  for (const [flags, env, name] of [
    [{ listen: 'nowhere' }, {}, '--listen'],
    [{ bucketListen: '127.0.0.1:70000' }, {}, '--bucket-listen'],
    [{}, { IMAGEYARD_TOKEN_LIFE_MS: '5' }, 'IMAGEYARD_TOKEN_LIFE_MS'],
    [{}, { IMAGEYARD_IMAGE_QUOTA: '1e3' }, 'IMAGEYARD_IMAGE_QUOTA'],
    [{}, { IMAGEYARD_HEARTBEAT_MS: '10000' }, 'IMAGEYARD_HEARTBEAT_MS'],
    [{}, { DATABASE_URL: 'mysql://x' }, 'DATABASE_URL'],
    [{}, { IMAGEYARD_PUBLIC_URL: 'ftp://x' }, 'IMAGEYARD_PUBLIC_URL'],
  ] as const)
    assert.throws(
      () => readSettings(flags, env),
      (error: Error) => error instanceof SettingError && error.message.includes(name),
    );
});

test('an address is HOST:PORT, IPv6 in brackets', () => {
  assert.deepEqual(parseHostPort('localhost:0'), { host: 'localhost', port: 0 });
  for (const wrong of ['', ':1', '::1:80', '[x]:1', 'a:b', 'a:99999'])
    assert.throws(() => parseHostPort(wrong));
});
