import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createImages, otcImageSettings } from '@imageyard/core';
import type { Images } from '@imageyard/core';
import { forEachEngine } from './engines.ts';
import { actorOf } from './people.ts';

const [owner, friend, other, admin] = [
  actorOf('owner'),
  actorOf('friend'),
  actorOf('other'),
  actorOf('admin', { admin: true }),
];

forEachEngine('members of images', (openCatalog) => {
  let images: Images;
  let now = 1000;
  before(async () => {
    const settings = { ...otcImageSettings, membersPerImage: 3 };
    images = createImages({ catalog: await openCatalog(), settings, clock: () => (now += 1000) });
  });
  const visibility = async (id: string) => (await images.get(owner, id)).visibility;
  const listed = async (actor: typeof owner, memberStatus?: 'pending' | 'rejected' | 'all') =>
    (await images.list(actor, { limit: 50, memberStatus })).images.map(({ id }) => id);

  test('the first member turns a private image shared, the last one turns it back', async () => {
    const { id } = await images.create(owner, {});
    const member = await images.members.add(owner, id, 'friend');
    assert.deepEqual([member.imageId, member.member, member.status], [id, 'friend', 'pending']);
    assert.equal(await visibility(id), 'shared');
    await images.members.add(owner, id, 'other');
    await images.members.remove(owner, id, 'friend');
    assert.equal(await visibility(id), 'shared');
    await images.members.remove(owner, id, 'other');
    assert.equal(await visibility(id), 'private');
  });

  test('an image that its owner made shared stays so without members', async () => {
    const { id } = await images.create(owner, {});
    await images.members.add(owner, id, 'friend');
    await images.update(owner, id, [{ op: 'replace', name: 'visibility', value: 'shared' }]);
    await images.members.remove(owner, id, 'friend');
    assert.equal(await visibility(id), 'shared');
  });

  test('a member sees the image by id at once, in lists by its answer', async () => {
    const { id } = await images.create(owner, {});
    await images.members.add(owner, id, 'friend');
    assert.equal((await images.get(friend, id)).id, id);
    assert.deepEqual(
      [(await listed(friend)).includes(id), (await listed(friend, 'pending')).includes(id)],
      [false, true],
    );
    await images.members.setStatus(friend, id, 'friend', 'accepted');
    assert.deepEqual(
      [(await listed(friend)).includes(id), (await listed(friend, 'pending')).includes(id)],
      [true, false],
    );
    await images.members.setStatus(friend, id, 'friend', 'rejected');
    assert.deepEqual(
      [(await listed(friend)).includes(id), (await listed(friend, 'all')).includes(id)],
      [false, true],
    );
    assert.equal((await images.get(friend, id)).id, id);
  });

  test('members of an image made private lose it, and have it again when it is shared', async () => {
    const { id } = await images.create(owner, {});
    await images.members.add(owner, id, 'friend');
    await images.members.setStatus(friend, id, 'friend', 'accepted');
    await images.update(owner, id, [{ op: 'replace', name: 'visibility', value: 'private' }]);
    await assert.rejects(images.get(friend, id), { kind: 'image-not-found' });
    assert.ok(!(await listed(friend)).includes(id));
    await images.update(owner, id, [{ op: 'replace', name: 'visibility', value: 'shared' }]);
    assert.ok((await listed(friend)).includes(id));
  });

  test('the owner reads all members, a member itself alone, others nothing', async () => {
    const { id } = await images.create(owner, {});
    await images.members.add(owner, id, 'friend');
    await images.members.add(owner, id, 'other');
    const names = async (actor: typeof owner) =>
      (await images.members.list(actor, id)).map(({ member }) => member);
    assert.deepEqual(await names(owner), ['friend', 'other']);
    assert.deepEqual(await names(friend), ['friend']);
    assert.deepEqual(await names(admin), ['friend', 'other']);
    assert.equal((await images.members.get(friend, id, 'friend')).member, 'friend');
    const facts = { imageId: id, member: 'other' };
    await assert.rejects(images.members.get(friend, id, 'other'), { kind: 'member-not-found', facts });
    await assert.rejects(images.members.get(owner, id, 'nobody'), { kind: 'member-not-found' });
    await assert.rejects(images.members.list(actorOf('stranger'), id), { kind: 'image-not-found' });
  });

  test('only the member answers, only the owner shares', async () => {
    const { id } = await images.create(owner, {});
    await images.members.add(owner, id, 'friend');
    await assert.rejects(images.members.setStatus(owner, id, 'friend', 'accepted'), {
      kind: 'not-authorized',
    });
    await assert.rejects(images.members.setStatus(other, id, 'friend', 'accepted'), {
      kind: 'image-not-found',
    });
    await assert.rejects(images.members.setStatus(friend, id, 'friend', 'yes' as never), {
      kind: 'value-invalid',
    });
    assert.equal((await images.members.setStatus(admin, id, 'friend', 'accepted')).status, 'accepted');
    await assert.rejects(images.members.add(friend, id, 'other'), { kind: 'image-not-owned' });
    await assert.rejects(images.members.remove(friend, id, 'friend'), { kind: 'image-not-owned' });
    await assert.rejects(images.members.add(owner, id, 'friend'), { kind: 'member-exists' });
    await assert.rejects(images.members.add(owner, id, ''), { kind: 'value-invalid' });
    await assert.rejects(images.members.remove(owner, id, 'nobody'), { kind: 'member-not-found' });
  });

  test('a public or community image has no members', async () => {
    const { id } = await images.create(owner, { visibility: 'community' });
    await assert.rejects(images.members.add(owner, id, 'friend'), { kind: 'image-not-shareable' });
    await assert.rejects(images.members.list(friend, id), { kind: 'image-not-shareable' });
  });

  test('members are limited, also when they are added at once', async () => {
    const { id } = await images.create(owner, {});
    const adding = Array.from({ length: 6 }, (_, i) => images.members.add(owner, id, `project-${i}`));
    const results = await Promise.allSettled(adding);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
    for (const result of results)
      if (result.status === 'rejected') assert.equal(result.reason.kind, 'quota-exceeded');
    assert.equal((await images.members.list(owner, id)).length, 3);
  });
});
