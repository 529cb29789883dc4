import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createImages, otcImageSettings } from '@imageyard/core';
import type { Catalog, ImageData, Images, ImageSettings } from '@imageyard/core';
import { forEachEngine } from './engines.ts';
import { actorOf } from './people.ts';

const [owner, stranger, admin] = [actorOf('owner'), actorOf('stranger'), actorOf('admin', { admin: true })];
const blobId = 'b'.repeat(32);
const data: ImageData = {
  blobId,
  sizeBytes: 1024,
  virtualSizeBytes: 4096,
  md5: 'd41d8cd98f00b204e9800998ecf8427e',
  hashAlgorithm: 'sha512',
  hashValue: 'abc',
  diskFormat: 'qcow2',
  properties: { __data_origin: 'file,bucket:object' },
};

forEachEngine('images', (openCatalog) => {
  let catalog: Catalog;
  let now = 1_700_000_000_000;
  const imagesWith = (settings: Partial<ImageSettings> = {}): Images =>
    createImages({ catalog, settings: { ...otcImageSettings, ...settings }, clock: () => (now += 1000) });
  let images: Images;
  before(async () => {
    catalog = await openCatalog();
    images = imagesWith();
    await catalog.write((tx) =>
      tx
        .insertInto('blobs')
        .values({ id: blobId, state: 'live', kind: 'whole', size: 1024, created_at: 1 } as never)
        .execute(),
    );
  });

  test('a new image is queued and has the defaults, and can be read at once', async () => {
    const made = await images.create(owner, {
      name: 'first',
      tags: ['b', 'a', 'b'],
      properties: { own: '' },
    });
    assert.equal(made.status, 'queued');
    assert.equal(made.owner, 'owner');
    assert.equal(made.visibility, 'private');
    assert.deepEqual(
      [made.diskFormat, made.containerFormat, made.diskFormatStated],
      ['zvhd2', 'bare', false],
    );
    assert.deepEqual(made.tags, ['b', 'a']);
    assert.deepEqual(made.properties, {
      __os_version: 'Other Linux(64 bit)',
      __os_type: 'Linux',
      __os_bit: '64',
      __platform: 'Other',
      virtual_env_type: 'FusionCompute',
      own: '',
    });
    assert.ok(!made.platformProperties.includes('own'));
    assert.deepEqual(await images.get(owner, made.id.toUpperCase()), made);
    const { images: listed } = await images.list(owner, { limit: 10 });
    assert.deepEqual(listed, [made]);
  });

  test('an image goes from queued to active with its facts, and keeps its blob from deletion', async () => {
    const { id } = await images.create(owner, {});
    await catalog.write(async (tx) => {
      await images.lockForRegister(tx, owner, id);
      await images.beginSaving(tx, id);
    });
    await assert.rejects(
      catalog.write((tx) => images.lockForRegister(tx, owner, id)),
      { kind: 'image-wrong-state', facts: { imageId: id, status: 'saving', wanted: 'saving' } },
    );
    const active = await catalog.write((tx) => images.activate(tx, id, data));
    assert.equal(active.status, 'active');
    assert.equal(active.sizeBytes, 1024);
    assert.equal(active.diskFormat, 'qcow2');
    assert.equal(active.properties['__data_origin'], 'file,bucket:object');
    assert.ok(active.platformProperties.includes('__data_origin'));
    assert.deepEqual(await images.get(owner, id), active);
    await assert.rejects(catalog.write((tx) => tx.deleteFrom('blobs').where('id', '=', blobId).execute()));
    const removed = await catalog.write((tx) => images.remove(tx, owner, id));
    assert.equal(removed.blobId, blobId);
    await assert.rejects(images.get(owner, id), { kind: 'image-not-found', facts: { imageId: id } });
    await assert.rejects(images.create(owner, { id }), { kind: 'image-id-taken' });
    assert.equal((await images.list(owner, { limit: 10, deleted: true })).images[0]?.id, id);
  });

  test('only those who may see an image are told that it is not theirs', async () => {
    const { id } = await images.create(owner, {});
    const open = await images.create(admin, { visibility: 'public', isProtected: true });
    await assert.rejects(images.get(stranger, id), { kind: 'image-not-found' });
    await assert.rejects(
      catalog.write((tx) => images.lockForRegister(tx, stranger, id)),
      { kind: 'image-not-found' },
    );
    await assert.rejects(
      catalog.write((tx) => images.lockForRegister(tx, stranger, open.id)),
      { kind: 'image-public' },
    );
    await assert.rejects(
      catalog.write((tx) => images.remove(tx, admin, open.id)),
      { kind: 'image-protected' },
    );
    const theirs = await images.create(owner, { visibility: 'community' });
    await assert.rejects(
      catalog.write((tx) => images.remove(tx, stranger, theirs.id)),
      { kind: 'image-not-owned' },
    );
    assert.equal((await images.get(admin, id)).id, id);
  });
});
