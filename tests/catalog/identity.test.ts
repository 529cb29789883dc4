import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createIdentity, createPasswords } from '@imageyard/core';
import type {
  Actor,
  Catalog,
  FirstStartFacts,
  Identity,
  IdentitySettings,
  LoginRequest,
} from '@imageyard/core';
import { forEachEngine } from './engines.ts';

const secretKey = randomBytes(32);
const password = 'first password, long';

interface World {
  readonly catalog: Catalog;
  readonly identity: Identity;
  readonly first: FirstStartFacts;
  readonly admin: Actor;
  /** Moves the clock. */
  later(ms: number): void;
  readonly hashes: { count: number };
}

forEachEngine('identity', (openCatalog) => {
  const world = async (settings: Partial<IdentitySettings> = {}): Promise<World> => {
    const catalog = await openCatalog();
    let time = Date.UTC(2026, 10, 24);
    const hashes = { count: 0 };
    const passwords = createPasswords({
      cost: { memoryKib: 64, passes: 1, lanes: 1 },
      onHash: () => hashes.count++,
    });
    const identity = createIdentity({ catalog, secretKey, clock: () => time++, settings, passwords });
    const first = await identity.bootstrap({ region: 'eu-de', password });
    const { token } = await identity.login(byPassword('admin', password, projectScope('eu-de')));
    const admin = await identity.actorForToken(token);
    return { catalog, identity, first, admin, later: (ms) => void (time += ms), hashes };
  };

  test('the first start makes domain, project, user and key, and a second one nothing', async () => {
    const { identity, first } = await world();
    assert.deepEqual(first.domain, { id: 'default', name: 'Default' });
    assert.equal(first.project?.name, 'eu-de');
    assert.match(first.key!.access, /^[A-Z0-9]{20}$/);
    assert.match(first.key!.secret, /^[A-Za-z0-9]{40}$/);
    assert.equal(first.made, true);
    const again = await identity.bootstrap({ region: 'other', password });
    assert.deepEqual(again, { ...first, made: false });
    assert.equal((await identity.bootstrap({ region: 'eu-de' })).password, undefined);
    const wrong = await identity.bootstrap({ region: 'eu-de', password: 'not this one' });
    assert.equal(wrong.password, undefined);
  });

  test('under another secret key passwords still log in, and access keys do not open', async () => {
    const { catalog, first } = await world();
    const passwords = createPasswords({ cost: { memoryKib: 64, passes: 1, lanes: 1 } });
    const other = createIdentity({ catalog, secretKey: randomBytes(32), passwords });
    const again = await other.bootstrap({ region: 'eu-de', password });
    assert.deepEqual([again.key, again.password], [undefined, password]);
    await other.login(byPassword('admin', password, { kind: 'default' }));
    await assert.rejects(other.findAccessKey(first.key!.access), { kind: 'internal', message: /key file/ });
  });

  test('without a given password the first one is random and long', async () => {
    const catalog = await openCatalog();
    const passwords = createPasswords({ cost: { memoryKib: 64, passes: 1, lanes: 1 } });
    const identity = createIdentity({ catalog, secretKey, passwords });
    let kept = '';
    const keepPassword = async (text: string): Promise<void> => {
      assert.deepEqual(await catalog.db.selectFrom('users').selectAll().execute(), []); // nothing is written yet
      kept = text;
    };
    const { password: made } = await identity.bootstrap({ region: 'eu-de', keepPassword });
    assert.match(made!, /^[A-Za-z0-9_-]{20,}$/);
    assert.equal(kept, made);
    await identity.login(byPassword('admin', made!, { kind: 'unscoped' }));
  });

  test('the first user has admin and Tenant Administrator, with what they imply', async () => {
    const { admin, first } = await world();
    assert.equal(admin.projectId, first.project!.id);
    assert.equal(admin.isAdmin, true);
    for (const role of ['admin', 'member', 'reader', 'tenant administrator', 'te_admin', 'ims administrator'])
      assert.ok(admin.roles.has(role), role);
  });

  test('names are found whatever their case, ids only exactly', async () => {
    const { identity, first } = await world();
    const login = (request: LoginRequest) => identity.login(request);
    await login(byPassword('ADMIN', password, projectScope('EU-DE'), 'dEFAULT'));
    await login({
      proofs: [proofById(first.user!.id, password)],
      scope: { kind: 'domain', domain: { id: 'default' } },
    });
    const wrongCase = { kind: 'domain', domain: { id: 'DEFAULT' } } as const;
    await assert.rejects(login(byPassword('admin', password, wrongCase)), { kind: 'credentials-wrong' });
  });

  test('scope: default project, unscoped, own domain, nothing for a foreign project', async () => {
    const { identity, first, admin } = await world();
    const project = await identity.projects.create(admin, { name: 'eu-de_other' });
    const user = await identity.users.create(admin, { name: 'plain', password: 'plain password' });
    const login = (scope: LoginRequest['scope']) =>
      identity.login(byPassword('plain', 'plain password', scope));
    assert.equal((await login({ kind: 'default' })).details.scope.kind, 'unscoped');
    await assert.rejects(login(projectScope('eu-de_other')), { kind: 'credentials-wrong' });
    await assert.rejects(login(projectScope('nowhere')), { kind: 'credentials-wrong' });
    await assert.rejects(login({ kind: 'system' }), { kind: 'credentials-wrong' });
    // A default project without a role is ignored.
    await identity.users.update(admin, user.id, { defaultProjectId: project.id });
    assert.equal((await login({ kind: 'default' })).details.scope.kind, 'unscoped');
    const member = await roleId(identity, admin, 'member');
    const scope = { kind: 'project', id: project.id } as const;
    await identity.grants.add(admin, { scope, userId: user.id, roleId: member });
    const { details } = await login({ kind: 'default' });
    assert.deepEqual(details.scope, { ...scope, name: 'eu-de_other', domain: first.domain });
    assert.deepEqual(details.roles.map((role) => role.name).sort(), ['member', 'reader']);
    const own = (await login({ kind: 'domain', domain: { name: 'default' } })).details;
    assert.deepEqual([own.scope, own.roles], [{ kind: 'domain', id: 'default', name: 'Default' }, []]);
  });

  test('unknown user, unknown domain, wrong password and disabled user: same error, one hash each', async () => {
    const { identity, admin, hashes } = await world();
    const user = await identity.users.create(admin, { name: 'off', password: 'right password' });
    await identity.users.update(admin, user.id, { enabled: false });
    await identity.users.create(admin, { name: 'keys only' });
    const attempts = [
      byPassword('nobody', 'right password', { kind: 'unscoped' }),
      byPassword('admin', 'right password', { kind: 'unscoped' }, 'nowhere'),
      byPassword('admin', 'wrong password', { kind: 'unscoped' }),
      byPassword('off', 'right password', { kind: 'unscoped' }),
      byPassword('keys only', 'right password', { kind: 'unscoped' }),
      byPassword('admin', password, projectScope('nowhere')),
      { proofs: [proofById('no-such-id', 'right password')], scope: { kind: 'unscoped' } as const },
    ];
    for (const attempt of attempts) {
      hashes.count = 0;
      await assert.rejects(identity.login(attempt), {
        kind: 'credentials-wrong',
        message: 'the credentials or the scope are not valid',
      });
      assert.equal(hashes.count, 1);
    }
  });

  test('only the hash of a token is stored, and secrets only sealed', async () => {
    const { identity, catalog, first } = await world();
    const { token } = await identity.login(byPassword('admin', password, { kind: 'unscoped' }));
    assert.match(token, /^iy_[A-Za-z0-9_-]{43}$/);
    const rows = await catalog.db.selectFrom('tokens').selectAll().execute();
    assert.ok(rows.length >= 2);
    assert.ok(!JSON.stringify(rows).includes(token.slice(3)));
    const keys = await catalog.db.selectFrom('access_keys').selectAll().execute();
    assert.equal(keys[0]!.access, first.key!.access);
    assert.ok(!JSON.stringify(keys).includes(first.key!.secret));
  });

  test('a token ends: expired, revoked, unknown, and garbage is not even looked up', async () => {
    const { identity, admin, later } = await world({ tokenLifeMs: 600_000 });
    const { token, details } = await identity.login(byPassword('admin', password, { kind: 'unscoped' }));
    assert.equal(details.expiresAt - details.issuedAt, 600_000);
    const { token: other } = await identity.login(byPassword('admin', password, { kind: 'unscoped' }));
    await identity.revokeToken(admin, other);
    await assert.rejects(identity.actorForToken(other), { kind: 'token-unknown' });
    await assert.rejects(identity.revokeToken(admin, other), { kind: 'identity-not-found' });
    later(600_000);
    await assert.rejects(identity.actorForToken(token), {
      kind: 'token-expired',
      facts: { expiresAt: details.expiresAt },
    });
    for (const garbage of ['', 'iy_', `iy_${'x'.repeat(43)}`, 'x'.repeat(5000)])
      await assert.rejects(identity.actorForToken(garbage), { kind: 'token-unknown' });
  });

  test('a new password kills older tokens at once, not the one issued in the same instant', async () => {
    const catalog = await openCatalog();
    const passwords = createPasswords({ cost: { memoryKib: 64, passes: 1, lanes: 1 } });
    const identity = createIdentity({ catalog, secretKey, passwords, clock: () => 1_000_000_000_000 }); // stands still
    const { user } = await identity.bootstrap({ region: 'eu-de', password });
    const { token: old } = await identity.login(byPassword('admin', password, { kind: 'default' }));
    await assert.rejects(identity.users.changePassword(user!.id, 'wrong', 'another password'), {
      kind: 'credentials-wrong',
    });
    await assert.rejects(identity.users.changePassword('nobody', password, 'another password'), {
      kind: 'credentials-wrong',
    });
    await assert.rejects(identity.users.changePassword(user!.id, password, 'short'), {
      kind: 'password-unfit',
    });
    await identity.actorForToken(old);
    await identity.users.changePassword(user!.id, password, 'another password');
    const { token: fresh } = await identity.login(
      byPassword('admin', 'another password', { kind: 'default' }),
    );
    await assert.rejects(identity.actorForToken(old), { kind: 'token-unknown' });
    assert.equal((await identity.actorForToken(fresh)).userId, user!.id);
    await assert.rejects(identity.login(byPassword('admin', password, { kind: 'default' })), {
      kind: 'credentials-wrong',
    });
    assert.equal((await identity.bootstrap({ region: 'eu-de', password })).password, undefined);
  });

  test('roles, users and projects are judged at each use', async () => {
    const { identity, admin } = await world();
    const { project, user, scope, token, member } = await plainUser(identity, admin);
    assert.deepEqual([...(await identity.actorForToken(token)).roles].sort(), ['member', 'reader']);
    await identity.projects.update(admin, project.id, { enabled: false });
    await assert.rejects(identity.actorForToken(token), { kind: 'token-unknown' });
    await identity.projects.update(admin, project.id, { enabled: true });
    const reader = await roleId(identity, admin, 'reader');
    await identity.grants.add(admin, { scope, userId: user.id, roleId: reader });
    await identity.grants.remove(admin, { scope, userId: user.id, roleId: member });
    assert.deepEqual([...(await identity.actorForToken(token)).roles], ['reader']);
    await identity.grants.remove(admin, { scope, userId: user.id, roleId: reader });
    await assert.rejects(identity.actorForToken(token), { kind: 'token-unknown' });
    await identity.grants.add(admin, { scope, userId: user.id, roleId: reader });
    // Disabling kills for good.
    await identity.users.update(admin, user.id, { enabled: false });
    await identity.users.update(admin, user.id, { enabled: true });
    await assert.rejects(identity.actorForToken(token), { kind: 'token-unknown' });
  });

  test('a project with images or buckets can not be deleted', async () => {
    const { identity, admin, catalog } = await world();
    const { id } = await identity.projects.create(admin, { name: 'in use' });
    await catalog.write((tx) => tx.insertInto('project_usage').values({ project: id, images: 1 }).execute());
    const inUse = { kind: 'identity-conflict', message: /still has images/ } as const;
    await assert.rejects(identity.projects.remove(admin, id), inUse);
    // Deleted images are not counted; a bucket is.
    await catalog.write((tx) => tx.updateTable('project_usage').set({ images: 0 }).execute());
    const bucket = {
      name: 'b',
      project_id: id,
      domain_id: 'default',
      storage_class: 'STANDARD',
      created_at: 1,
    };
    await catalog.write((tx) => tx.insertInto('buckets').values(bucket).execute());
    await assert.rejects(identity.projects.remove(admin, id), { ...inUse, message: /still has buckets/ });
    await catalog.write((tx) => tx.deleteFrom('buckets').execute());
    await identity.projects.remove(admin, id);
  });

  test('a deleted user takes tokens, grants and keys along', async () => {
    const { identity, admin, catalog } = await world();
    const { user, token, project } = await plainUser(identity, admin);
    const key = await identity.accessKeys.create(admin, {
      userId: user.id,
      projectId: project.id,
      origin: 'ec2',
    });
    await assert.rejects(identity.projects.remove(admin, project.id), {
      kind: 'identity-conflict',
      facts: { reason: 'in-use', resource: 'project', id: project.id, use: 'access keys' },
    });
    await identity.users.remove(admin, user.id);
    await assert.rejects(identity.actorForToken(token), { kind: 'token-unknown' });
    await assert.rejects(identity.findAccessKey(key.access), { kind: 'key-unknown' });
    await identity.projects.remove(admin, project.id);
    const left = await catalog.db.selectFrom('grants').selectAll().where('user_id', '=', user.id).execute();
    assert.deepEqual(left, []);
  });

  test('rescoping keeps the expiry and the original audit id', async () => {
    const { identity, later } = await world();
    const first = await identity.login(byPassword('admin', password, { kind: 'unscoped' }));
    later(60_000);
    const proof = { method: 'token', token: first.token } as const;
    const { token, details } = await identity.login({ proofs: [proof], scope: projectScope('eu-de') });
    assert.equal(details.expiresAt, first.details.expiresAt);
    assert.deepEqual(details.methods, ['password', 'token']);
    assert.equal(details.auditIds.length, 2);
    assert.equal(details.auditIds[1], first.details.auditIds[0]);
    const live = await identity.readToken(token);
    assert.deepEqual(live.details, details);
    const third = await identity.login({ proofs: [{ method: 'token', token }], scope: { kind: 'unscoped' } });
    assert.equal(third.details.auditIds[1], first.details.auditIds[0]);
  });

  test('several proofs must be for one user', async () => {
    const { identity, admin } = await world();
    const { token } = await plainUser(identity, admin);
    const proofs = [
      byPassword('admin', password, { kind: 'default' }).proofs[0]!,
      { method: 'token', token } as const,
    ];
    await assert.rejects(identity.login({ proofs, scope: { kind: 'unscoped' } }), {
      kind: 'credentials-wrong',
    });
    await assert.rejects(identity.login({ proofs: [], scope: { kind: 'unscoped' } }), {
      kind: 'credentials-wrong',
    });
  });

  test('a login loop can not fill the database, and dead tokens are cleaned up', async () => {
    const { identity, catalog, later } = await world({ mostTokensPerUser: 3 });
    const issued = [];
    for (let i = 0; i < 5; i++)
      issued.push(await identity.login(byPassword('admin', password, { kind: 'unscoped' })));
    const count = async () => (await catalog.db.selectFrom('tokens').select('hash').execute()).length;
    assert.equal(await count(), 3);
    await assert.rejects(identity.actorForToken(issued[1]!.token), { kind: 'token-unknown' });
    await identity.actorForToken(issued[2]!.token);
    later(24 * 3600_000 + 1000);
    await identity.cleanUp();
    assert.equal(await count(), 3); // a day long they can be told from unknown ones
    later(24 * 3600_000 + 1000);
    await identity.cleanUp();
    assert.equal(await count(), 0);
  });

  test('an access key acts in its project, the named one, the default one, or the only one', async () => {
    const { identity, admin, first } = await world();
    const { user, project, scope, member } = await plainUser(identity, admin);
    const key = await identity.accessKeys.create(admin, { userId: user.id, origin: 'credential' });
    const found = await identity.findAccessKey(key.access);
    assert.deepEqual(found, {
      access: key.access,
      secret: key.secret,
      userId: user.id,
      projectId: undefined,
    });
    assert.equal((await identity.actorForKey(key.access)).projectId, project.id); // his only one
    const second = await identity.projects.create(admin, { name: 'second' });
    await identity.grants.add(admin, {
      scope: { kind: 'project', id: second.id },
      userId: user.id,
      roleId: member,
    });
    await assert.rejects(identity.actorForKey(key.access), { kind: 'not-authorized' }); // which one?
    assert.equal((await identity.actorForKey(key.access, second.id)).projectId, second.id);
    await identity.users.update(admin, user.id, { defaultProjectId: second.id });
    assert.equal((await identity.actorForKey(key.access)).projectId, second.id);
    await assert.rejects(identity.actorForKey(key.access, first.project!.id), { kind: 'not-authorized' });
    await assert.rejects(identity.actorForKey(key.access, 'nowhere'), { kind: 'not-authorized' });
    const bound = await identity.accessKeys.create(admin, {
      userId: user.id,
      projectId: project.id,
      origin: 'ec2',
    });
    assert.equal((await identity.actorForKey(bound.access)).projectId, project.id);
    await identity.grants.remove(admin, { scope, userId: user.id, roleId: member });
    await assert.rejects(identity.actorForKey(bound.access), { kind: 'not-authorized' });
    const domain = await identity.domainActorForKey(bound.access);
    assert.deepEqual([domain.projectId, domain.userId, domain.roles.size], [undefined, user.id, 0]);
  });

  test('an inactive key, a disabled user and garbage are unknown keys', async () => {
    const { identity, admin } = await world();
    const { user } = await plainUser(identity, admin);
    const key = await identity.accessKeys.create(admin, { userId: user.id, origin: 'credential' });
    await identity.accessKeys.update(admin, key.access, { active: false });
    await assert.rejects(identity.findAccessKey(key.access), {
      kind: 'key-unknown',
      facts: { access: key.access },
    });
    await identity.accessKeys.update(admin, key.access, { active: true, description: 'back' });
    await identity.findAccessKey(key.access);
    await identity.users.update(admin, user.id, { enabled: false });
    await assert.rejects(identity.actorForKey(key.access), { kind: 'key-unknown' });
    for (const garbage of ['', '../..', 'x'.repeat(5000), 'ÄÖÜ1'])
      await assert.rejects(identity.findAccessKey(garbage), { kind: 'key-unknown' });
  });

  test('keys of one user are limited, and their last use is written down', async () => {
    const { identity, admin, catalog } = await world({ mostKeysPerUser: 3 });
    const { user, project } = await plainUser(identity, admin);
    const make = (origin: 'ec2' | 'credential') =>
      identity.accessKeys.create(admin, { userId: user.id, projectId: project.id, origin });
    const first = await make('credential');
    // Three at once: one gets the last place.
    const race = await Promise.allSettled([1, 2, 3].map(() => make('credential')));
    assert.equal(race.filter((outcome) => outcome.status === 'fulfilled').length, 1);
    await assert.rejects(make('credential'), { kind: 'quota-exceeded', message: /2/ });
    await make('ec2');
    await assert.rejects(make('ec2'), { kind: 'quota-exceeded', message: /3/ });
    await identity.actorForKey(first.access);
    await identity.cleanUp();
    const row = await catalog.db
      .selectFrom('access_keys')
      .select('last_used_at')
      .where('access', '=', first.access)
      .executeTakeFirst();
    assert.ok(row!.last_used_at! > 0);
  });

  test('names are unique in a domain whatever their case, and bad ones are refused', async () => {
    const { identity, admin } = await world();
    await identity.projects.create(admin, { name: 'p1', extras: { cost: 7 } });
    await assert.rejects(identity.projects.create(admin, { name: 'P1' }), {
      kind: 'identity-conflict',
      message: /project named P1/,
    });
    const p2 = await identity.projects.create(admin, { name: 'p2' });
    await assert.rejects(identity.projects.update(admin, p2.id, { name: 'p1' }), {
      kind: 'identity-conflict',
    });
    assert.deepEqual((await identity.projects.list(admin, { name: 'P1' }))[0]!.extras, { cost: 7 });
    await assert.rejects(identity.users.create(admin, { name: 'Admin' }), { kind: 'identity-conflict' });
    await assert.rejects(identity.roles.create(admin, { name: 'tenant ADMINISTRATOR' }), {
      kind: 'identity-conflict',
    });
    for (const name of ['', '   ', 'x'.repeat(65), 'a\nb'])
      await assert.rejects(identity.projects.create(admin, { name }), { kind: 'value-invalid' });
    await assert.rejects(
      identity.projects.create(admin, { name: 'p3', extras: { big: 'x'.repeat(20_000) } }),
      {
        kind: 'value-invalid',
      },
    );
    // Two at the same moment: one wins, the other is told why.
    const race = await Promise.allSettled(
      [1, 2].map(() => identity.projects.create(admin, { name: 'race' })),
    );
    assert.deepEqual(race.map((outcome) => outcome.status).sort(), ['fulfilled', 'rejected']);
    const lost = race.find((outcome) => outcome.status === 'rejected')!;
    assert.equal((lost.reason as { kind: string }).kind, 'identity-conflict');
  });

  test('the last enabled administrator can not be lost', async () => {
    const { identity, admin } = await world();
    const last = { kind: 'identity-protected' } as const;
    await assert.rejects(identity.users.update(admin, admin.userId, { enabled: false }), last);
    await assert.rejects(identity.users.remove(admin, admin.userId), last);
    const roleOfAdmin = await roleId(identity, admin, 'admin');
    const scope = { kind: 'project', id: admin.projectId! } as const;
    const domain = { kind: 'domain', id: 'default' } as const;
    await identity.grants.remove(admin, { scope: domain, userId: admin.userId, roleId: roleOfAdmin });
    await assert.rejects(
      identity.grants.remove(admin, { scope, userId: admin.userId, roleId: roleOfAdmin }),
      last,
    );
    assert.ok(await identity.grants.has(admin, { scope, userId: admin.userId, roleId: roleOfAdmin }));
    const deputy = await identity.users.create(admin, { name: 'deputy', password: 'deputy password' });
    await identity.grants.add(admin, { scope, userId: deputy.id, roleId: roleOfAdmin });
    await identity.users.remove(admin, admin.userId);
  });

  test('a member sees his own projects only, and changes nothing', async () => {
    const { identity, admin, first } = await world();
    const { token, project, user } = await plainUser(identity, admin);
    const member = await identity.actorForToken(token);
    assert.deepEqual(
      (await identity.projects.list(member, {})).map((p) => p.id),
      [project.id],
    );
    assert.deepEqual(await identity.projects.list(member, { name: 'eu-de' }), []);
    assert.equal((await identity.projects.get(member, project.id)).name, project.name);
    assert.equal((await identity.users.get(member, user.id)).name, user.name);
    const no = { kind: 'not-authorized' } as const;
    await assert.rejects(identity.projects.get(member, first.project!.id), no);
    await assert.rejects(identity.projects.get(member, 'nowhere'), no);
    await assert.rejects(identity.projects.create(member, { name: 'x' }), no);
    await assert.rejects(identity.projects.remove(member, project.id), no);
    await assert.rejects(identity.users.list(member, {}), no);
    await assert.rejects(identity.users.get(member, admin.userId), no);
    await assert.rejects(identity.users.create(member, { name: 'x' }), no);
    await assert.rejects(identity.users.update(member, user.id, { password: 'new password' }), no);
    await assert.rejects(identity.roles.list(member), no);
    await assert.rejects(identity.grants.assignments(member, {}), no);
    await assert.rejects(identity.accessKeys.list(member, admin.userId), no);
    await assert.rejects(identity.accessKeys.get(member, first.key!.access), { kind: 'identity-not-found' });
    await assert.rejects(identity.accessKeys.remove(member, first.key!.access, admin.userId), no);
    await identity.accessKeys.create(member, { userId: user.id, projectId: project.id, origin: 'ec2' });
    assert.equal((await identity.accessKeys.list(member, user.id)).length, 1);
  });

  test('a security administrator manages accounts of his domain, never administrators or roles he lacks', async () => {
    const { identity, admin } = await world();
    const { user, project, scope } = await plainUser(identity, admin);
    const officer = await identity.users.create(admin, { name: 'officer', password: 'officer password' });
    const security = await roleId(identity, admin, 'Security Administrator');
    await identity.grants.add(admin, { scope, userId: officer.id, roleId: security });
    const { token } = await identity.login(
      byPassword('officer', 'officer password', projectScope(project.name)),
    );
    const actor = await identity.actorForToken(token);
    const no = { kind: 'not-authorized' } as const;
    const made = await identity.users.create(actor, { name: 'new one', password: 'new password' });
    await identity.users.update(actor, user.id, { password: 'reset password' });
    await identity.accessKeys.create(actor, { userId: user.id, origin: 'credential' });
    await identity.grants.add(actor, { scope, userId: made.id, roleId: security });
    await assert.rejects(
      identity.grants.add(actor, { scope, userId: made.id, roleId: await roleId(identity, admin, 'admin') }),
      no,
    );
    await assert.rejects(
      identity.grants.add(actor, {
        scope,
        userId: officer.id,
        roleId: await roleId(identity, admin, 'member'),
      }),
      no,
    );
    await assert.rejects(identity.users.update(actor, admin.userId, { password: 'taken over' }), no);
    await assert.rejects(identity.users.remove(actor, admin.userId), no);
    await assert.rejects(identity.accessKeys.create(actor, { userId: admin.userId, origin: 'ec2' }), no);
    await assert.rejects(identity.projects.create(actor, { name: 'x' }), no);
    await identity.users.remove(actor, made.id);
  });

  test('built-in roles are there under every spelling, immutable, and te_agency can not be granted', async () => {
    const { identity, admin } = await world();
    const byShort = await identity.roles.list(admin, 'te_admin');
    const byLong = await identity.roles.list(admin, 'tenant administrator');
    assert.deepEqual(byShort, byLong);
    assert.deepEqual(byShort[0]!.spellings, ['te_admin', 'Tenant Administrator']);
    assert.deepEqual(await identity.roles.list(admin, 'te_adm'), []);
    const { id } = byShort[0]!;
    await assert.rejects(identity.roles.remove(admin, id), { kind: 'identity-protected' });
    await assert.rejects(identity.roles.update(admin, id, { name: 'x' }), { kind: 'identity-protected' });
    const scope = { kind: 'domain', id: 'default' } as const;
    const agency = await roleId(identity, admin, 'te_agency');
    await assert.rejects(identity.grants.add(admin, { scope, userId: admin.userId, roleId: agency }), {
      kind: 'not-authorized',
    });
    const own = await identity.roles.create(admin, { name: 'creator' });
    await identity.grants.add(admin, { scope, userId: admin.userId, roleId: own.id });
    await identity.grants.add(admin, { scope, userId: admin.userId, roleId: own.id });
    await identity.roles.update(admin, own.id, { name: 'maker' });
    const named = await identity.grants.assignments(admin, { userId: admin.userId, scope });
    assert.ok(named.some((grant) => grant.roleName === 'maker' && grant.scopeName === 'Default'));
    await identity.roles.remove(admin, own.id);
    assert.ok(!(await identity.grants.list(admin, scope, admin.userId)).some((role) => role.id === own.id));
  });

  test('assignments can show what roles imply', async () => {
    const { identity, admin } = await world();
    const { user, scope } = await plainUser(identity, admin);
    const names = async (effective: boolean) =>
      (await identity.grants.assignments(admin, { userId: user.id, scope, effective })).map(
        (g) => g.roleName,
      );
    assert.deepEqual(await names(false), ['member']);
    assert.deepEqual(await names(true), ['member', 'reader']);
    const reader = await roleId(identity, admin, 'reader');
    const readers = await identity.grants.assignments(admin, { roleId: reader, effective: true });
    assert.ok(readers.some((grant) => grant.userId === user.id));
  });
});

type ScopeOf = LoginRequest['scope'];

function byPassword(name: string, secret: string, scope: ScopeOf, domain = 'Default'): LoginRequest {
  return {
    proofs: [{ method: 'password', user: { name, domain: { name: domain } }, password: secret }],
    scope,
  };
}

function proofById(id: string, secret: string): LoginRequest['proofs'][number] {
  return { method: 'password', user: { id }, password: secret };
}

function projectScope(name: string): ScopeOf {
  return { kind: 'project', project: { name } };
}

async function roleId(identity: Identity, admin: Actor, name: string): Promise<string> {
  return (await identity.roles.list(admin, name))[0]!.id;
}

/** A user `plain` with role `member` in a project of his own, logged in. */
async function plainUser(identity: Identity, admin: Actor) {
  const project = await identity.projects.create(admin, { name: 'plain project' });
  const user = await identity.users.create(admin, { name: 'plain', password: 'plain password' });
  const member = await roleId(identity, admin, 'member');
  const scope = { kind: 'project', id: project.id } as const;
  await identity.grants.add(admin, { scope, userId: user.id, roleId: member });
  const { token } = await identity.login(byPassword('plain', 'plain password', projectScope(project.name)));
  return { project, user, member, scope, token };
}
