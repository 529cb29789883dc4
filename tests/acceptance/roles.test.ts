/**
 * Who may do what: every role, in the project that owns the image, in another project, without a project and
 * without a token, on every call of the image APIs, on buckets and on accounts. All accounts are made through
 * the identity API; what a role may do stands below as the documentation has it, not as the code does.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness.ts';
import type { Ready, Running } from '../harness.ts';
import { caller, jobEnd, login } from './account.ts';
import type { Answer, Call } from './account.ts';
import { s3, s3Ok } from './bucket.ts';
import type { Keys } from './bucket.ts';
import { may, rights, rows, sample } from './role-table.ts';
import type { Right, Row } from './role-table.ts';

interface Person {
  readonly id: string;
  readonly inOwner: Call;
  readonly inOther: Call;
  readonly unscoped: Call;
  readonly ownerKeys: Keys;
  readonly otherKeys: Keys;
}

let server: Running;
let ready: Ready;
let root: Call;
/** The administrator in the project that owns everything below. */
let owner: Call;
let ownerId: string;
let otherId: string;
let image: string;
let jobId: string;
const people = new Map<string, Person>();

async function ok<T>(answer: ReturnType<Call>): Promise<T> {
  const got = await answer;
  assert.ok(got.status < 300, `${got.status} ${got.text}`);
  return (got.text === '' ? undefined : got.json()) as T;
}

async function project(name: string): Promise<string> {
  return (await ok<{ project: { id: string } }>(root('POST', '/v3/projects', { project: { name } }))).project
    .id;
}

async function grant(projectId: string, userId: string, role: string): Promise<void> {
  const found = await ok<{ roles: { id: string }[] }>(
    root('GET', `/v3/roles?name=${encodeURIComponent(role)}`),
  );
  assert.equal(found.roles.length, 1, role);
  await ok(root('PUT', `/v3/projects/${projectId}/users/${userId}/roles/${found.roles[0]!.id}`));
}

async function keys(userId: string, projectId: string): Promise<Keys> {
  const path = `/v3/users/${userId}/credentials/OS-EC2`;
  const made = await ok<{ credential: { access: string; secret: string } }>(
    root('POST', path, { tenant_id: projectId }),
  );
  return { ...ready, accessKey: made.credential.access, secretKey: made.credential.secret };
}

async function person(role: string): Promise<Person> {
  const name = `user ${role}`;
  const password = `password of ${role}`;
  const user = { name, password };
  const { id } = (await ok<{ user: { id: string } }>(root('POST', '/v3/users', { user }))).user;
  for (const where of [ownerId, otherId]) await grant(where, id, role);
  const as = async (where: string | null): Promise<Call> =>
    caller(ready, await login(ready, { name, password, project: where }));
  return {
    id,
    inOwner: await as(ownerId),
    inOther: await as(otherId),
    unscoped: await as(null),
    ownerKeys: await keys(id, ownerId),
    otherKeys: await keys(id, otherId),
  };
}

async function newImage(name = 'of the owner'): Promise<string> {
  return (
    await ok<{ id: string }>(
      owner('POST', '/v2/images', { name, disk_format: 'qcow2', container_format: 'bare' }),
    )
  ).id;
}

before(async () => {
  server = await startServer();
  ready = server.ready;
  root = caller(ready, await login(ready));
  [ownerId, otherId] = [await project('owner'), await project('other')];
  const me = await root('GET', '/v3/auth/tokens', undefined, { 'x-subject-token': await login(ready) });
  const myId = me.json<{ token: { user: { id: string } } }>().token.user.id;
  for (const role of ['admin', 'member']) await grant(ownerId, myId, role);
  owner = caller(ready, await login(ready, { project: ownerId }));
  const ownerKeys = await keys(myId, ownerId);
  await s3Ok(ownerKeys, { method: 'PUT', path: '/owned' });
  await s3Ok(ownerKeys, { method: 'PUT', path: '/owned/disk', body: sample });
  image = await newImage();
  const accepted = await ok<{ job_id: string }>(
    owner('PUT', `/v1/cloudimages/${image}/upload`, { image_url: 'owned:disk' }),
  );
  jobId = accepted.job_id;
  assert.equal((await jobEnd(owner, ownerId, jobId)).status, 'SUCCESS');
  for (const role of Object.keys(rights)) people.set(role, await person(role));
});
after(() => server[Symbol.asyncDispose]());

async function targetOf(row: Row): Promise<{ image: string }> {
  return { image: row.fresh ? await newImage('fresh') : image };
}

/** Remove what a call made or was tried on, so that lists stay short. */
async function tidy(row: Row, target: { image: string }, { status, json }: Answer): Promise<void> {
  if (row.fresh) await owner('DELETE', `/v2/images/${target.image}`);
  if (row.creates && status === 201) await ok(root('DELETE', `/v2/images/${json<{ id: string }>().id}`));
}

/** Ids in a list's answer. */
const idsOf = (text: string): string[] =>
  (JSON.parse(text) as { images: { id: string }[] }).images.map(({ id }) => id);

for (const role of Object.keys(rights))
  describe(`role ${role}`, () => {
    for (const row of rows) {
      test(`${row.name}: ${may(role, row) ? 'may' : 'may not'} in his project`, async () => {
        const target = await targetOf(row);
        const answer = await row.send(people.get(role)!.inOwner, target);
        assert.equal(answer.status, may(role, row) ? row.allowed : 403, answer.text.slice(0, 300));
        if (row.foreign === 'own list' && answer.status === 200)
          assert.ok(idsOf(answer.text).includes(image));
        await tidy(row, target, answer);
      });

      test(`${row.name}: nothing of another project`, async () => {
        const target = await targetOf(row);
        const answer = await row.send(people.get(role)!.inOther, target);
        const { status, text } = answer;
        if (role === 'admin') {
          assert.equal(status, row.allowed, text.slice(0, 300));
        } else {
          if (!may(role, row)) assert.ok([403, 404].includes(status), `${status} ${text.slice(0, 300)}`);
          else assert.equal(status, row.foreign === 'own list' ? 200 : row.foreign, text.slice(0, 300));
          assert.ok(!text.includes('of the owner') && !text.includes(ownerId), text.slice(0, 300));
          if (row.foreign === 'own list' && status === 200) assert.deepEqual(idsOf(text), []);
        }
        await tidy(row, target, answer);
      });

      test(`${row.name}: nothing without a project`, async () => {
        const target = await targetOf(row);
        const answer = await row.send(people.get(role)!.unscoped, target);
        const { status, text } = answer;
        assert.ok(!text.includes('of the owner') && !text.includes(ownerId), text.slice(0, 300));
        if (row.name.startsWith('IMS')) assert.equal(status, 403, text.slice(0, 300));
        else if (row.name === 'Glance list') assert.deepEqual(idsOf(text), []);
        else if (row.needs.length > 0)
          assert.ok([403, 404].includes(status), `${status} ${text.slice(0, 300)}`);
        await tidy(row, target, answer);
      });
    }

    test('jobs: those of the own project, with any token of it', async () => {
      const { inOwner, inOther, unscoped } = people.get(role)!;
      assert.equal((await inOwner('GET', `/v1/${ownerId}/jobs/${jobId}`)).status, 200);
      const foreign = await inOther('GET', `/v1/${otherId}/jobs/${jobId}`);
      const wrongPath = await inOther('GET', `/v1/${ownerId}/jobs/${jobId}`);
      if (role === 'admin') return;
      assert.deepEqual(
        [foreign.status, foreign.json<{ error: { code: string } }>().error.code],
        [400, 'IMG.0023'],
      );
      assert.deepEqual(
        [wrongPath.status, wrongPath.json<{ error: { code: string } }>().error.code],
        [400, 'IMG.0030'],
      );
      assert.ok((await unscoped('GET', `/v1/${ownerId}/jobs/${jobId}`)).status >= 400);
    });

    test('buckets: reading and writing in the own project, nothing in another', async () => {
      const { ownerKeys, otherKeys } = people.get(role)!;
      const allowed = (right: Right, success: number): number =>
        rights[role]!.includes(right) ? success : 403;
      const tries: readonly [string, string, Right, number][] = [
        ['GET', '/owned', 'bucketRead', 200],
        ['HEAD', '/owned/disk', 'bucketRead', 200],
        ['GET', '/owned/disk', 'bucketRead', 200],
        ['PUT', `/owned/${encodeURIComponent(role)}`, 'bucketWrite', 200],
        ['DELETE', `/owned/${encodeURIComponent(role)}`, 'bucketWrite', 204],
      ];
      for (const [method, path, right, success] of tries) {
        const own = await s3(ownerKeys, { method, path, ...(method === 'PUT' ? { body: 'x' } : {}) });
        assert.equal(own.status, allowed(right, success), `${method} ${path} ${await own.text()}`);
        const foreign = await s3(otherKeys, { method, path, ...(method === 'PUT' ? { body: 'x' } : {}) });
        const text = await foreign.text();
        assert.equal(foreign.status, role === 'admin' ? success : 403, `${method} ${path} ${text}`);
      }
      const path = `/made-by-${role.toLowerCase().replaceAll(/[^a-z]/g, '-')}-${Object.keys(rights).indexOf(role)}`;
      assert.equal((await s3(ownerKeys, { method: 'PUT', path })).status, allowed('bucketWrite', 200));
      if (rights[role]!.includes('bucketWrite')) await s3Ok(ownerKeys, { method: 'DELETE', path });
      const listed = await s3(otherKeys, { method: 'GET', path: '/' });
      if (role !== 'admin') assert.doesNotMatch(await listed.text(), /owned/);
    });

    test('accounts: only administrators, and security administrators below them', async () => {
      const { inOwner, id } = people.get(role)!;
      const isAdmin = role === 'admin';
      const managesUsers = isAdmin || role === 'secu_admin' || role === 'Security Administrator';
      assert.equal((await inOwner('GET', '/v3/users')).status, managesUsers ? 200 : 403);
      assert.equal((await inOwner('GET', `/v3/users/${id}`)).status, 200, 'oneself');
      const made = await inOwner('POST', '/v3/users', {
        user: { name: `by ${role}`, password: 'a password of theirs' },
      });
      assert.equal(made.status, managesUsers ? 201 : 403);
      const newProject = await inOwner('POST', '/v3/projects', { project: { name: `by ${role}` } });
      assert.equal(newProject.status, isAdmin ? 201 : 403);
      const adminRole = await ok<{ roles: { id: string }[] }>(root('GET', '/v3/roles?name=admin'));
      const raise = await inOwner(
        'PUT',
        `/v3/projects/${otherId}/users/${id}/roles/${adminRole.roles[0]!.id}`,
      );
      assert.equal(raise.status, isAdmin ? 204 : 403, 'nobody raises himself');
      const steal = await inOwner('PATCH', `/v3/users/${people.get('admin')!.id}`, {
        user: { password: 'taken over by me' },
      });
      assert.equal(steal.status, isAdmin ? 200 : 403, 'nobody takes an administrator over');
    });
  });

describe('no token, a dead token', () => {
  for (const row of rows)
    test(`${row.name}: 401`, async () => {
      for (const call of [
        caller(ready, null),
        caller(ready, 'iy_nosuchtokennosuchtokennosuchtokennosuchtok'),
      ]) {
        const { status, text, headers } = await row.send(call, { image });
        assert.equal(status, 401, text);
        assert.ok(!text.includes(ownerId));
        if (!row.name.startsWith('IMS'))
          assert.equal(headers.get('www-authenticate'), `Keystone uri="${ready.identity}"`);
      }
    });
});

test('te_agency is nobody’s: the grant is refused', async () => {
  const found = await ok<{ roles: { id: string }[] }>(root('GET', '/v3/roles?name=te_agency'));
  const answer = await root(
    'PUT',
    `/v3/projects/${ownerId}/users/${people.get('reader')!.id}/roles/${found.roles[0]!.id}`,
  );
  assert.equal(answer.status, 403);
});

test('a grant that is taken back counts at once', async () => {
  const { id, inOther } = people.get('member')!;
  const found = await ok<{ roles: { id: string }[] }>(root('GET', '/v3/roles?name=member'));
  assert.equal((await inOther('GET', '/v2/images')).status, 200);
  await ok(root('DELETE', `/v3/projects/${otherId}/users/${id}/roles/${found.roles[0]!.id}`));
  assert.ok([401, 403].includes((await inOther('GET', '/v2/images')).status));
});
