import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { domainErrorKinds } from '@imageyard/core';
import type { ErrorKind } from '@imageyard/core';
import { diskErrorKinds } from '@imageyard/engine';
import { imsCode } from '@imageyard/wire';
import { errorRow, errorTable, isErrorKind } from './table.ts';

const kinds: readonly ErrorKind[] = [...domainErrorKinds, ...diskErrorKinds];

test('every kind has a row, and no row is without a kind', () => {
  assert.deepEqual(Object.keys(errorTable).sort(), [...kinds].sort());
  assert.ok(kinds.every(isErrorKind));
  assert.ok(!isErrorKind('constructor'));
});

test('every IMS code is on the documented list, every status and S3 code well-formed', () => {
  for (const kind of kinds) {
    const { ims, glance, s3 } = errorRow(kind);
    if (ims !== null) assert.ok(imsCode(ims).message.length > 0, kind);
    const status = Array.isArray(glance) ? glance[0] : glance;
    if (status !== null) assert.ok(Number.isInteger(status) && status >= 204 && status < 600, kind);
    if (s3) assert.ok(/^[A-Z][A-Za-z]+$/.test(s3[0]) && s3[1] >= 200 && s3[1] < 600, kind);
  }
});

/** Kinds that files of a room of `core` name: what it may throw. */
function kindsIn(room: string): Set<ErrorKind> {
  const folder = new URL(`../../../core/src/${room}/`, import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = new Set<ErrorKind>();
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, kind] of text.matchAll(/DomainError\(\s*'([a-z-]+)'/g))
      if (kind && isErrorKind(kind)) found.add(kind);
  }
  return found;
}

/** Rooms that a dialect calls, and what of them it can't meet. */
const reach = [
  // Members and single tags are native calls; uploads too.
  {
    dialect: 'ims',
    rooms: ['image', 'quota'],
    except: [
      'image-id-taken',
      'image-gone-during-upload',
      'image-not-shareable',
      'member-not-found',
      'member-exists',
      'tag-not-found',
    ],
  },
  { dialect: 'ims', rooms: ['transfer'], except: ['image-no-data', 'image-gone-during-upload'] },
  // Sources, leases and jobs belong to registrations.
  { dialect: 'glance', rooms: ['image', 'quota'], except: [] },
  {
    dialect: 'glance',
    rooms: ['transfer'],
    except: ['job-limit-reached', 'source-changed', 'job-cancelled', 'lease-lost'],
  },
  {
    dialect: 's3',
    rooms: ['bucket'],
    except: [
      'source-bucket-not-found',
      'source-not-found',
      'source-wrong-storage-class',
      'source-changed',
      'source-wrong-region',
    ],
  },
] as const;

for (const { dialect, rooms, except } of reach)
  test(`what core/${rooms.join(', core/')} throws has words in dialect ${dialect}`, () => {
    const met = rooms
      .flatMap((room) => [...kindsIn(room)])
      .filter((kind) => !(except as readonly string[]).includes(kind));
    assert.ok(met.length > 0);
    assert.deepEqual(
      met.filter((kind) => errorRow(kind)[dialect] === null),
      [],
    );
  });

test('disk errors have words wherever an image is made from a file', () => {
  for (const kind of diskErrorKinds)
    assert.deepEqual([errorRow(kind).ims, errorRow(kind).glance], ['IMG.0057', 415]);
});

test("a disk over the engine's cap is too large, a table over its cap is a broken file", () => {
  assert.equal(errorRow('disk-too-large', { limit: 64 * 1024 ** 4 }).ims, 'IMG.0111');
  assert.equal(errorRow('disk-too-large', { limit: 512 * 1024 ** 2 }).ims, 'IMG.0057');
});
