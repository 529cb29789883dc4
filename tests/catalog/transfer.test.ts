import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { actor, rawDisk, world } from '../../packages/core/src/transfer/testing.ts';
import { forEachEngine } from './engines.ts';

const MiB = 1024 * 1024;
const source = { bucket: 'images', key: 'disk' };

forEachEngine('moving data', (openCatalog) => {
  test('objects are registered, converted and kept, and images uploaded and deleted', async () => {
    const w = await world({ catalog: await openCatalog() });
    await w.runner.start();
    const disk = rawDisk(3 * MiB);
    await w.put('disk', disk);
    const converted = await w.newImage({ diskFormat: 'vhd' });
    const kept = await w.newImage({ diskFormat: 'raw' });
    const refused = await w.newImage({ diskFormat: 'iso' });
    const accepted = [converted, kept, refused].map(({ id }) => w.transfer.register(actor, id, source));
    const jobs = await Promise.all((await Promise.all(accepted)).map((job) => w.ended(job)));
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['done', 'done', 'failed'],
      jobs.map(({ error }) => error?.message).join('; '),
    );
    assert.equal((await w.image(converted.id)).diskFormat, 'vhd');
    assert.equal((await w.image(refused.id)).status, 'killed');
    const uploaded = await w.newImage({ diskFormat: 'raw' });
    await w.transfer.upload(actor, uploaded.id, Readable.from([disk]), { expectedBytes: disk.length });
    for (const { id } of [kept, uploaded]) {
      const { stream } = await w.transfer.download(actor, id);
      const bytes = await buffer(await stream(undefined, new AbortController().signal));
      assert.equal((await w.image(id)).hashValue, createHash('sha512').update(bytes).digest('hex'));
      assert.ok(bytes.equals(disk));
    }
    await w.remove('disk');
    for (const { id } of [converted, kept, refused, uploaded]) await w.transfer.deleteImage(actor, id);
    await w.blobs.sweep();
    assert.deepEqual(await w.blobRows(), []);
    assert.deepEqual(await w.stored(), []);
    await w.runner.stop();
  });
});
