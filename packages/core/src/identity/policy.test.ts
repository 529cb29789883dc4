import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action, Actor } from './actor.ts';
import { actions, can, policyTable, reach, require } from './policy.ts';
import { builtinRoleByName, builtinRoles, foldName, roleKeys, withImplied } from './roles.ts';

function actorWith(roleNames: readonly string[], projectId: string | null = 'own'): Actor {
  const roles = roleKeys(withImplied(roleNames.map((name) => builtinRoleByName(name)!)));
  return {
    userId: 'u',
    userName: 'u',
    domainId: 'd',
    domainName: 'D',
    ...(projectId === null ? {} : { projectId }),
    roles,
    isAdmin: roles.has('admin'),
    auditId: 'a',
  };
}

/** The published table, one line per role: rights in the own project, then rights everywhere. */
const expected: Readonly<Record<string, { own: readonly Action[]; all: readonly Action[] }>> = {
  admin: { own: [], all: actions },
  member: { own: all('ims glance bucket'), all: [] },
  reader: { own: ['ims-read', 'glance-read', 'bucket-read'], all: [] },
  service: { own: [], all: [] },
  te_admin: { own: all('ims glance bucket'), all: [] },
  'Tenant Administrator': { own: all('ims glance bucket'), all: [] },
  'IMS Administrator': { own: all('ims glance'), all: [] },
  'IMS FullAccess': { own: all('ims glance'), all: [] },
  'Server Administrator': {
    own: ['ims-read', 'ims-write', 'glance-read', 'glance-download', 'glance-write'],
    all: [],
  },
  'IMS ReadOnlyAccess': { own: ['ims-read', 'glance-read'], all: [] },
  readonly: { own: ['ims-read', 'glance-read', 'bucket-read'], all: [] },
  te_readonly: { own: ['ims-read', 'glance-read', 'bucket-read'], all: [] },
  'Tenant Guest': { own: ['ims-read', 'glance-read', 'bucket-read'], all: [] },
  secu_admin: { own: ['identity-users'], all: [] },
  'Security Administrator': { own: ['identity-users'], all: [] },
  te_agency: { own: [], all: [] },
};

function all(services: string): Action[] {
  return actions.filter((action) => services.split(' ').some((service) => action.startsWith(`${service}-`)));
}

for (const [name, rights] of Object.entries(expected))
  for (const action of actions)
    test(`role ${name}: ${action} reaches as far as the table says`, () => {
      const actor = actorWith([name]);
      const far = rights.all.includes(action) ? 'all' : rights.own.includes(action) ? 'own' : 'no';
      assert.equal(reach(actor, action), far);
      assert.equal(can(actor, action), far !== 'no');
      assert.equal(can(actor, action, 'own'), far !== 'no');
      if (action !== 'identity-users') {
        assert.equal(can(actor, action, 'foreign'), far === 'all');
        assert.equal(can(actorWith([name], null), action, 'own'), far === 'all');
      }
      if (far === 'no')
        assert.throws(() => require(actor, action), {
          kind: 'not-authorized',
          facts: { action, projectId: 'own' },
        });
      else require(actor, action);
    });

test('every spelling of every built-in role has a row, and no row is without a role', () => {
  const spellings = builtinRoles.flatMap((role) => [role.name, ...role.aliases]);
  assert.deepEqual(spellings.map(foldName).sort(), Object.keys(policyTable).sort());
  assert.deepEqual(Object.keys(expected).map(foldName).sort(), Object.keys(policyTable).sort());
});

test('rights of several roles add up', () => {
  const actor = actorWith(['IMS ReadOnlyAccess', 'Security Administrator']);
  assert.ok(can(actor, 'ims-read') && can(actor, 'identity-users'));
  assert.ok(!can(actor, 'ims-write'));
});

test('implied roles come along, and every spelling is there, in lower case', () => {
  const keys = roleKeys(
    withImplied([builtinRoleByName('ADMIN')!, builtinRoleByName('tenant administrator')!]),
  );
  for (const key of ['admin', 'member', 'reader', 'te_admin', 'tenant administrator', 'ims administrator'])
    assert.ok(keys.has(key), key);
  assert.equal(keys.size, 6);
});

test('a role that nobody knows gives nothing', () => {
  const actor = { ...actorWith([]), roles: new Set(['creator', '__proto__', 'constructor']) };
  for (const action of actions) assert.equal(can(actor, action), false);
});
