import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { blobStoreContract } from './contract.ts';
import { openFolderStore } from './folder-store.ts';
import { decodeJournal, encodeRecord } from './notes-journal.ts';

const root = await mkdtemp(join(tmpdir(), 'imageyard-store-'));
after(() => rm(root, { recursive: true, force: true }));

blobStoreContract('folder store', () => openFolderStore(root));

const id = (digit: string): string => digit.repeat(32);

test('folder store: the name survives a reopening and an unknown layout is refused', async () => {
  const folder = await mkdtemp(join(root, 'named-'));
  const { name } = await openFolderStore(folder);
  assert.match(name, /^[0-9a-f]{32}$/);
  assert.equal((await openFolderStore(folder)).name, name);
  await writeFile(join(folder, 'store.json'), '{"name":"x","layout":99}');
  await assert.rejects(openFolderStore(folder), { kind: 'internal' });
  await writeFile(join(folder, 'store.json'), 'rubbish');
  await assert.rejects(openFolderStore(folder), { kind: 'internal' });
});

test('folder store: a note that a crash tore never happened, and the next one takes its place', async () => {
  const folder = await mkdtemp(join(root, 'torn-'));
  const store = await openFolderStore(folder);
  const writer = await store.create(id('a'));
  await writer.write(0, Buffer.from('aaaa'));
  await writer.save(4, Buffer.from('kept'));
  await writer.write(4, Buffer.from('bbbb'));
  await writer.save(8, Buffer.from('torn'));
  await writer.close();
  const notes = join(folder, 'tmp', `${id('a')}.notes`);
  await truncate(notes, (await readFile(notes)).length - 1);
  const resumed = await store.create(id('a'), { resume: true });
  assert.equal(resumed.mark.size, 4);
  assert.equal(resumed.mark.notes.length, 1);
  await resumed.save(4, Buffer.from('new'));
  await resumed.close();
  const { mark } = decodeJournal(await readFile(notes));
  assert.deepEqual(mark.notes.map(String), ['kept', 'new']);
});

test('folder store: publishing leaves no temporary name behind', async () => {
  const folder = await mkdtemp(join(root, 'clean-'));
  const store = await openFolderStore(folder);
  const writer = await store.create(id('b'));
  await writer.save(0, Buffer.from('note'));
  await writer.publish(0);
  assert.deepEqual(await readdir(join(folder, 'tmp')), []);
  assert.deepEqual(await readdir(join(folder, 'blobs', 'bb')), [id('b')]);
});

test('folder store: writing to a published blob is refused', async () => {
  const store = await openFolderStore(await mkdtemp(join(root, 'immutable-')));
  const writer = await store.create(id('c'));
  await writer.publish(0);
  await assert.rejects(writer.write(0, Buffer.from('x')), { kind: 'internal' });
  await assert.rejects(writer.publish(1), { kind: 'internal' });
});

test('notes journal: rubbish of any kind ends the reading without an error', async () => {
  const good = encodeRecord(7, Buffer.from('note'));
  const rubbish = [Buffer.alloc(0), Buffer.alloc(5, 1), Buffer.alloc(64, 0xff), good.subarray(0, 17)];
  for (const tail of rubbish) {
    const state = decodeJournal(Buffer.concat([good, tail]));
    assert.equal(state.mark.size, 7);
    assert.equal(state.validBytes, good.length);
  }
  const flipped = Buffer.from(good);
  flipped[0]! ^= 1; // the size is covered by the CRC as well
  assert.deepEqual(decodeJournal(flipped), { mark: { size: 0, notes: [] }, validBytes: 0 });
});

test('notes journal: an append that never finished is read up to it', async () => {
  const folder = await mkdtemp(join(root, 'append-'));
  const path = join(folder, 'notes');
  await writeFile(path, encodeRecord(1, Buffer.from('a')));
  await appendFile(path, encodeRecord(2, Buffer.from('b')).subarray(0, 10));
  assert.equal(decodeJournal(await readFile(path)).mark.size, 1);
});
