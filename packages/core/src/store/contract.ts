import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { BlobStore } from './blob-store.ts';

const newId = (): string => randomBytes(16).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text);

async function readAll(store: BlobStore, id: string): Promise<string> {
  const blob = await store.open(id);
  try {
    const all = Buffer.alloc(blob.size);
    await blob.read(0, all);
    return all.toString('latin1');
  } finally {
    await blob.close();
  }
}

/**
 * What every `BlobStore` promises, as tests.
 * @param name of the implementation, first word of each title
 * @param reopen gives the store anew, as after a crash: same place, nothing kept in memory
 */
export function blobStoreContract(name: string, reopen: () => Promise<BlobStore>): void {
  test(`${name}: nothing is visible before publish, everything after`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(0, bytes('abc'));
    assert.equal(await store.stat(writer.id), undefined);
    await assert.rejects(store.open(writer.id), { kind: 'internal' });
    assert.deepEqual(await writer.publish(3), { id: writer.id, size: 3 });
    assert.deepEqual(await (await reopen()).stat(writer.id), { id: writer.id, size: 3 });
    assert.equal(await readAll(store, writer.id), 'abc');
  });

  test(`${name}: places never written read as zeros, and publish sets the length`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(4, bytes('xy'));
    await writer.publish(8);
    assert.equal(await readAll(store, writer.id), '\0\0\0\0xy\0\0');
  });

  test(`${name}: an empty blob is a blob`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.publish(0);
    assert.deepEqual(await store.stat(writer.id), { id: writer.id, size: 0 });
  });

  test(`${name}: publish twice equals once, also by a resumed writer`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(0, bytes('abc'));
    await writer.publish(3);
    assert.deepEqual(await writer.publish(3), { id: writer.id, size: 3 });
    const again = await (await reopen()).create(writer.id, { resume: true });
    assert.equal(again.mark.size, 3);
    assert.deepEqual(await again.publish(3), { id: writer.id, size: 3 });
    assert.equal(await readAll(store, writer.id), 'abc');
  });

  test(`${name}: a name is written once`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await assert.rejects(store.create(writer.id), { kind: 'internal' });
    await writer.publish(0);
    await assert.rejects(store.create(writer.id), { kind: 'internal' });
  });

  test(`${name}: a resume goes on at the last mark and drops what lies behind it`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(0, bytes('aaaa'));
    await writer.save(4, bytes('first'));
    await writer.write(4, bytes('bbbb'));
    await writer.save(8, bytes('second'));
    await writer.write(8, bytes('lost'));
    await writer.close();
    const resumed = await (await reopen()).create(writer.id, { resume: true });
    assert.equal(resumed.mark.size, 8);
    assert.deepEqual(
      resumed.mark.notes.map((note) => Buffer.from(note).toString()),
      ['first', 'second'],
    );
    await resumed.write(10, bytes('c'));
    await resumed.save(11, bytes('third'));
    await resumed.close();
    const last = await (await reopen()).create(writer.id, { resume: true });
    assert.equal(last.mark.notes.length, 3);
    await last.publish(11);
    assert.equal(await readAll(store, writer.id), 'aaaabbbb\0\0c');
  });

  test(`${name}: a resume without any mark starts anew`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(0, bytes('half'));
    await writer.close();
    const resumed = await (await reopen()).create(writer.id, { resume: true });
    assert.deepEqual(resumed.mark, { size: 0, notes: [] });
    await resumed.publish(2);
    assert.equal(await readAll(store, writer.id), '\0\0');
  });

  test(`${name}: a resume of a blob whose first byte never came starts anew`, async () => {
    const store = await reopen();
    const writer = await store.create(newId(), { resume: true });
    await writer.write(0, bytes('x'));
    await writer.publish(1);
    assert.equal(await readAll(store, writer.id), 'x');
  });

  test(`${name}: abandon and delete leave nothing, twice as well as once`, async () => {
    const store = await reopen();
    const dropped = await store.create(newId());
    await dropped.write(0, bytes('x'));
    await dropped.save(1, bytes('note'));
    await dropped.abandon();
    await dropped.abandon();
    const deleted = await store.create(newId());
    await deleted.write(0, bytes('x'));
    await deleted.publish(1);
    await store.delete(deleted.id);
    await store.delete(deleted.id);
    const unfinished = await store.create(newId());
    await unfinished.save(0, bytes('note'));
    await unfinished.close();
    await store.delete(unfinished.id);
    const ids = new Set((await store.list(undefined, 1000)).map((blob) => blob.id));
    for (const { id } of [dropped, deleted, unfinished]) assert.equal(ids.has(id), false);
  });

  test(`${name}: a listing pages through published and unfinished blobs by id`, async () => {
    const store = await reopen();
    const made = new Map<string, boolean>();
    for (let index = 0; index < 7; index += 1) {
      const writer = await store.create(newId());
      const temporary = index % 2 === 0;
      if (temporary) await writer.close();
      else await writer.publish(0);
      made.set(writer.id, temporary);
    }
    const seen = new Map<string, boolean>();
    let after: string | undefined;
    for (;;) {
      const page = await store.list(after, 2);
      for (const blob of page) {
        assert.ok(after === undefined || blob.id > after);
        after = blob.id;
        seen.set(blob.id, blob.temporary);
      }
      if (page.length < 2) break;
    }
    for (const [id, temporary] of made) assert.equal(seen.get(id), temporary);
  });

  test(`${name}: an id that is not one never becomes a path`, async () => {
    const store = await reopen();
    await assert.rejects(async () => store.create('../escape'), { kind: 'internal' });
    await assert.rejects(async () => store.stat('../../etc/passwd'), { kind: 'internal' });
  });

  test(`${name}: reading past the end is refused, not shortened`, async () => {
    const store = await reopen();
    const writer = await store.create(newId());
    await writer.write(0, bytes('abc'));
    await writer.publish(3);
    const blob = await store.open(writer.id);
    await assert.rejects(blob.read(1, Buffer.alloc(3)), { kind: 'disk-truncated' });
    await blob.close();
  });

  test(`${name}: free space is a number of bytes`, async () => {
    assert.ok((await (await reopen()).freeBytes()) > 0);
  });
}
