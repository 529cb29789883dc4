import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPasswords } from './passwords.ts';

/** Cheap enough for many hashes. */
const cheap = { memoryKib: 64, passes: 1, lanes: 1 };

test('a hash is in PHC form with the documented cost, and only its password matches', async () => {
  const passwords = createPasswords();
  const stored = await passwords.hash('correct horse battery');
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(await passwords.verify('correct horse battery', stored), true);
  assert.equal(await passwords.verify('correct horse batterY', stored), false);
  assert.equal(passwords.isOutdated(stored), false);
});

test('argon2id gives the same bytes as the reference command line', async () => {
  // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 (version 20190702)
  const stored = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  assert.equal(await createPasswords().verify('password', stored), true);
  assert.equal(createPasswords().isOutdated(stored), true);
});

test('an unknown user costs one hash like a known one, and never matches', async () => {
  let hashes = 0;
  const passwords = createPasswords({ cost: cheap, onHash: () => hashes++ });
  const stored = await passwords.hash('long enough');
  for (const [password, against] of [
    ['long enough', stored],
    ['wrong', stored],
    ['x', undefined],
    ['', 'garbage'],
  ] as const) {
    hashes = 0;
    assert.equal(await passwords.verify(password, against), password === 'long enough');
    assert.equal(hashes, 1);
  }
});

test('a damaged row can not ask for more memory or time than is sane', async () => {
  let hashes = 0;
  const passwords = createPasswords({ cost: cheap, onHash: () => hashes++ });
  const tail = '$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  for (const parameters of [
    'm=9999999,t=2,p=1',
    'm=65536,t=999,p=1',
    'm=65536,t=2,p=99',
    'm=1,t=1,p=1',
    'm=64,t=0,p=1',
  ])
    assert.equal(await passwords.verify('password', `$argon2id$v=19$${parameters}${tail}`), false);
  assert.equal(hashes, 5); // the dummy, each time
});
