import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createImages, otcImageSettings } from '@imageyard/core';
import type { Catalog } from '@imageyard/core';
import { forEachEngine } from './engines.ts';
import { actorOf } from './people.ts';

forEachEngine('quota of images', (openCatalog) => {
  let catalog: Catalog;
  before(async () => {
    catalog = await openCatalog();
  });
  const imagesOf = (imagesPerProject: number | null) =>
    createImages({ catalog, settings: { ...otcImageSettings, imagesPerProject } });

  test('creations at once never pass the limit together', async () => {
    const images = imagesOf(5);
    const owner = actorOf('crowd');
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => images.create(owner, {})));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 5);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      assert.equal(result.reason.kind, 'quota-exceeded');
      assert.deepEqual(result.reason.facts, { resource: 'images', maximum: 5 });
    }
    assert.equal(await images.used('crowd'), 5);
  });

  test('a deleted image gives its place back, a refused one takes none', async () => {
    const images = imagesOf(1);
    const owner = actorOf('one');
    const { id } = await images.create(owner, {});
    await assert.rejects(images.create(owner, {}), { kind: 'quota-exceeded' });
    await catalog.write((tx) => images.remove(tx, owner, id));
    assert.equal(await images.used('one'), 0);
    await assert.rejects(images.create(owner, { id }), { kind: 'image-id-taken' });
    assert.equal(await images.used('one'), 0);
    await images.create(owner, {});
  });

  test('a limit of none lets nobody in, no limit everybody', async () => {
    await assert.rejects(imagesOf(0).create(actorOf('zero'), {}), { kind: 'quota-exceeded' });
    await imagesOf(null).create(actorOf('zero'), {});
    await assert.rejects(imagesOf(1).create(actorOf('zero'), {}), { kind: 'quota-exceeded' });
  });

  test('two who register one image at once: one begins, the other is told the state', async () => {
    const images = imagesOf(null);
    const owner = actorOf('racer');
    const { id } = await images.create(owner, {});
    const register = () =>
      catalog.write(async (tx) => {
        await images.lockForRegister(tx, owner, id);
        await images.beginSaving(tx, id);
      });
    const results = await Promise.allSettled([register(), register(), register()]);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 2);
    for (const { reason } of refused) assert.equal(reason.kind, 'image-wrong-state');
  });

  test('data that comes after the image was deleted, or after it failed, is refused', async () => {
    const images = imagesOf(null);
    const owner = actorOf('late');
    const data = {
      blobId: 'x',
      sizeBytes: 1,
      virtualSizeBytes: null,
      md5: 'x',
      hashAlgorithm: 'sha512',
      hashValue: 'y',
      diskFormat: 'raw',
      properties: {},
    } as const;
    const [gone, killed, again] = await Promise.all([1, 2, 3].map(() => images.create(owner, {})));
    await catalog.write(async (tx) => {
      for (const image of [gone, killed, again]) await images.beginSaving(tx, image!.id);
      await images.remove(tx, owner, gone!.id);
      await images.fail(tx, gone!.id);
      await images.fail(tx, killed!.id);
      await images.fail(tx, again!.id, 'queued');
    });
    assert.equal((await images.get(owner, killed!.id)).status, 'killed');
    assert.equal((await images.get(owner, again!.id)).status, 'queued');
    await assert.rejects(
      catalog.write((tx) => images.activate(tx, gone!.id, data)),
      { kind: 'image-gone-during-upload' },
    );
    await assert.rejects(
      catalog.write((tx) => images.activate(tx, killed!.id, data)),
      { kind: 'image-wrong-state' },
    );
    await assert.rejects(
      catalog.write((tx) => images.activate(tx, again!.id, data)),
      { kind: 'image-wrong-state' },
    );
    await catalog.write((tx) => images.beginSaving(tx, again!.id));
  });
});
