import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createSecretBox } from './secret-box.ts';

test('a sealed secret opens under its key and name, and two seals differ', () => {
  const box = createSecretBox(randomBytes(32));
  const sealed = box.seal('SecretKeyExample0123456789', 'AKEXAMPLE');
  assert.equal(box.open(sealed, 'AKEXAMPLE'), 'SecretKeyExample0123456789');
  assert.notEqual(box.seal('SecretKeyExample0123456789', 'AKEXAMPLE'), sealed);
  assert.ok(!sealed.includes('Secret'));
});

test('another key, another name, a changed byte and a cut text do not open', () => {
  const box = createSecretBox(randomBytes(32));
  const sealed = box.seal('secret', 'AK');
  const changed = Buffer.from(sealed.slice(3), 'base64url');
  changed[14]! ^= 1;
  const wrong: (() => string)[] = [
    () => createSecretBox(randomBytes(32)).open(sealed, 'AK'),
    () => box.open(sealed, 'AK2'),
    () => box.open(`v1.${changed.toString('base64url')}`, 'AK'),
    () => box.open(sealed.slice(0, 20), 'AK'),
    () => box.open('', 'AK'),
  ];
  for (const open of wrong) assert.throws(open, { kind: 'internal', message: /does not open/ });
});

test('a key that is not 32 bytes long is refused at once', () => {
  assert.throws(() => createSecretBox(randomBytes(16)), RangeError);
});
