import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createImages, otcImageSettings } from '@imageyard/core';
import type { Catalog, ImageChange, Images } from '@imageyard/core';
import { forEachEngine } from './engines.ts';
import { actorOf } from './people.ts';

const [owner, stranger, admin] = [actorOf('owner'), actorOf('stranger'), actorOf('admin', { admin: true })];
const set = (name: string, value: unknown): ImageChange => ({ op: 'add', name, value });

forEachEngine('changes to images', (openCatalog) => {
  let catalog: Catalog;
  let images: Images;
  let now = 1000;
  before(async () => {
    catalog = await openCatalog();
    images = createImages({ catalog, settings: otcImageSettings, clock: () => (now += 1000) });
  });

  test('changes are applied in their order and are found by the next list', async () => {
    const made = await images.create(owner, { name: 'before', properties: { gone: '1' } });
    const after = await images.update(owner, made.id, [
      set('name', 'after'),
      set('min_disk', 40),
      set('tags', ['x', 'y', 'x']),
      set('fresh', '1'),
      { op: 'replace', name: 'fresh', value: '2' },
      { op: 'remove', name: 'gone' },
      { op: 'insert', name: 'gone', value: 'back' },
    ]);
    assert.deepEqual([after.name, after.minDiskGb, after.tags], ['after', 40, ['x', 'y']]);
    assert.deepEqual([after.properties['fresh'], after.properties['gone']], ['2', 'back']);
    assert.ok(after.updatedAt > made.updatedAt);
    assert.deepEqual(await images.get(owner, made.id), after);
    const filters = [
      { kind: 'anyOf', name: 'name', values: ['after'] },
      { kind: 'tag', values: ['y'] },
      { kind: 'property', name: 'fresh', value: '2' },
      { kind: 'integer', name: 'min_disk', value: 40 },
    ] as const;
    assert.deepEqual((await images.list(owner, { filters, limit: 5 })).images, [after]);
    const old = [{ kind: 'anyOf', name: 'name', values: ['before'] }] as const;
    assert.deepEqual((await images.list(owner, { filters: old, limit: 5 })).images, []);
  });

  test('one wrong change leaves the image as it was', async () => {
    const made = await images.create(owner, { properties: { there: '1' } });
    const wrong: [ImageChange, string][] = [
      [{ op: 'replace', name: 'absent', value: '1' }, 'image-attribute-absent'],
      [{ op: 'remove', name: 'absent' }, 'image-attribute-absent'],
      [{ op: 'remove', name: 'toString' }, 'image-attribute-absent'],
      [{ op: 'insert', name: 'there', value: '1' }, 'image-attribute-present'],
      [{ op: 'insert', name: 'name', value: '1' }, 'image-attribute-present'],
      [{ op: 'remove', name: 'tags' }, 'image-attribute-read-only'],
      [set('status', 'active'), 'image-attribute-read-only'],
      [set('id', made.id), 'image-attribute-read-only'],
      [set('__image_size', '5'), 'image-attribute-read-only'],
      [set('__os_version', 'x'), 'image-attribute-read-only'],
      [set('locations', '[]'), 'image-attribute-reserved'],
      [set('os_glance_failed_import', ''), 'image-attribute-reserved'],
      [set('visibility', 'public'), 'not-authorized'],
      [set('owner', 'stranger'), 'not-authorized'],
      [set('visibility', 'open'), 'value-invalid'],
      [set('name', 'x'.repeat(256)), 'value-invalid'],
      [set('name', 'a\0b'), 'value-invalid'],
      [set('min_ram', -1), 'value-invalid'],
      [set('min_disk', 2 ** 31), 'value-invalid'],
      [set('min_disk', '1'), 'value-invalid'],
      [set('protected', 'true'), 'value-invalid'],
      [set('tags', ['']), 'value-invalid'],
      [set('tags', [1]), 'value-invalid'],
      [
        set(
          'tags',
          Array.from({ length: 11 }, (_, i) => `t${i}`),
        ),
        'quota-exceeded',
      ],
      [set('x', 1), 'value-invalid'],
      [set('', 'x'), 'value-invalid'],
      [set('__proto__', 'x'), 'value-invalid'],
      [set('a\nb', 'x'), 'value-invalid'],
      [set('x'.repeat(256), 'x'), 'value-invalid'],
      [set('x', 'x'.repeat(65_536)), 'value-invalid'],
      [set('x', '\ud800'), 'value-invalid'],
      [set('__description', 'a<b'), 'value-invalid'],
      [set('kernel_id', 'x'), 'value-invalid'],
    ];
    for (const [change, kind] of wrong) {
      const changes = [set('name', 'changed'), set('there', '2'), change];
      await assert.rejects(
        images.update(owner, made.id, changes),
        { kind },
        JSON.stringify(change).slice(0, 80),
      );
    }
    assert.deepEqual(await images.get(owner, made.id), made);
  });

  test('no change changes nothing, the time included', async () => {
    const made = await images.create(owner, {});
    assert.deepEqual(await images.update(owner, made.id, []), made);
  });

  test('formats are changed while queued, and what follows from them too', async () => {
    const made = await images.create(owner, {});
    const iso = await images.update(owner, made.id, [set('disk_format', 'iso')]);
    assert.deepEqual([iso.diskFormat, iso.diskFormatStated], ['iso', true]);
    assert.equal(iso.properties['virtual_env_type'], 'IsoImage');
    assert.ok(iso.platformProperties.includes('virtual_env_type'));
    await catalog.write((tx) => images.beginSaving(tx, made.id));
    await assert.rejects(images.update(owner, made.id, [set('disk_format', 'raw')]), {
      kind: 'image-attribute-read-only',
      message: 'Attribute disk_format can be only replaced for a queued image.',
    });
  });

  test('a property that a caller writes is no longer the platform’s', async () => {
    const made = await images.create(owner, {});
    await catalog.write(async (tx) => {
      await images.beginSaving(tx, made.id);
      await tx
        .insertInto('blobs')
        .values({ id: made.id, state: 'live', kind: 'whole', size: 1, created_at: 1 } as never)
        .execute();
      await images.activate(tx, made.id, {
        blobId: made.id,
        sizeBytes: 1,
        virtualSizeBytes: 512,
        md5: 'x',
        hashAlgorithm: 'sha512',
        hashValue: 'y',
        diskFormat: 'raw',
        properties: { hw_firmware_type: 'uefi' },
      });
    });
    const untouched = await images.get(owner, made.id);
    assert.ok(untouched.platformProperties.includes('hw_firmware_type'));
    const after = await images.update(owner, made.id, [set('hw_firmware_type', 'bios')]);
    assert.ok(!after.platformProperties.includes('hw_firmware_type'));
  });

  test('an administrator gives an image to another project, and the count goes with it', async () => {
    const [from, to] = [actorOf('from'), actorOf('to')];
    const made = await images.create(from, { tags: ['moved'] });
    await images.update(admin, made.id, [set('owner', 'to')]);
    await assert.rejects(images.get(from, made.id), { kind: 'image-not-found' });
    const filters = [{ kind: 'tag', values: ['moved'] }] as const;
    assert.equal((await images.list(to, { filters, limit: 5 })).images.length, 1);
    assert.deepEqual([await images.used('from'), await images.used('to')], [0, 1]);
  });

  test('who does not own an image is refused, who does not see it is told that it is not there', async () => {
    const hidden = await images.create(owner, {});
    const open = await images.create(owner, { visibility: 'community' });
    await assert.rejects(images.update(stranger, hidden.id, []), { kind: 'image-not-found' });
    await assert.rejects(images.update(stranger, open.id, []), { kind: 'image-not-owned' });
    await assert.rejects(images.update(owner, 'no-uuid', []), { kind: 'image-not-found' });
  });

  test('the IMS rules are narrower: active images, documented attributes, no pair that excludes', async () => {
    const made = await images.create(owner, {});
    const update = (...changes: ImageChange[]) => images.update(owner, made.id, changes, { rules: 'ims' });
    await assert.rejects(
      images.update(owner, made.id, [set('name', 'x')], { onlyIn: 'active', rules: 'ims' }),
      {
        kind: 'image-wrong-state',
        facts: { imageId: made.id, status: 'queued', wanted: 'active' },
      },
    );
    await assert.rejects(update(set('visibility', 'shared')), { kind: 'image-attribute-read-only' });
    await assert.rejects(update(set('__unknown', 'x')), { kind: 'image-attribute-reserved' });
    await assert.rejects(update(set('Upper', 'x')), { kind: 'value-invalid' });
    await assert.rejects(update(set('__support_xen', 'true'), set('__support_xen_hana', 'true')), {
      kind: 'value-invalid',
    });
    await assert.rejects(update(set('min_ram', 1024), set('max_ram', '512')), { kind: 'value-invalid' });
    const after = await update(
      set('__support_kvm', 'true'),
      set('own', ''),
      set('min_ram', 512),
      set('max_ram', '512'),
    );
    assert.equal(after.properties['__support_kvm'], 'true');
  });

  test('tags are added once, removed by name, and replace another of their key on request', async () => {
    const { id } = await images.create(owner, { tags: ['k=1', 'z'] });
    const tags = async () => (await images.get(owner, id)).tags;
    await images.tags.add(owner, id, 'z');
    await images.tags.add(owner, id, 'k=2', { replacesKey: true });
    assert.deepEqual(await tags(), ['k=2', 'z']);
    await images.tags.add(owner, id, 'k=3');
    assert.deepEqual(await tags(), ['k=2', 'z', 'k=3']);
    await images.tags.remove(owner, id, 'z');
    await assert.rejects(images.tags.remove(owner, id, 'z'), { kind: 'tag-not-found' });
    await images.tags.replace(
      owner,
      id,
      Array.from({ length: 10 }, (_, i) => `t${i}`),
    );
    await assert.rejects(images.tags.add(owner, id, 'one more'), {
      kind: 'quota-exceeded',
      facts: { resource: 'tags', attempted: 11, maximum: 10 },
    });
    await assert.rejects(images.tags.add(stranger, id, 'x'), { kind: 'image-not-found' });
  });

  test('under a limit that was lowered an image keeps what it has', async () => {
    const { id } = await images.create(owner, { tags: ['a', 'b', 'c'], properties: { p: '1', q: '2' } });
    const settings = { ...otcImageSettings, tagsPerImage: 1, propertiesPerImage: 1 };
    const strict = createImages({ catalog, settings });
    await strict.update(owner, id, [set('p', '3')]);
    await strict.tags.remove(owner, id, 'a');
    await assert.rejects(strict.tags.add(owner, id, 'd'), { kind: 'quota-exceeded' });
    await assert.rejects(strict.update(owner, id, [set('r', '3')]), { kind: 'quota-exceeded' });
  });
});
