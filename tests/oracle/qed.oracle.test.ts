import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk } from '@imageyard/engine';
import { fileOf, guestSha256Of, mergedMap, ourMap } from './ours.ts';
import {
  convert,
  guestSha256,
  makeSource,
  map,
  missingTool,
  qemuImg,
  qemuIo,
  sha256OfFile,
  temporaryFolder,
} from './qemu.ts';

const skip = missingTool('qemu-img', 'qemu-io');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sourceSha256 = '';
before(async () => {
  if (skip) return;
  folder = await temporaryFolder();
  await makeSource(folder.file('src.raw'));
  sourceSha256 = await sha256OfFile(folder.file('src.raw'));
});
after(() => folder?.[Symbol.asyncDispose]());

for (const [name, options] of [
  ['default', ''],
  ['clusters of 4096 bytes, tables of 2', 'cluster_size=4096,table_size=2'],
  ['clusters of 1 MiB, tables of 16', 'cluster_size=1M,table_size=16'],
] as const) {
  test(`qed by qemu-img, ${name}: same guest bytes and map, canonical`, { skip }, async () => {
    const path = folder.file(`${name.replaceAll(' ', '-')}.qed`);
    await convert(folder.file('src.raw'), path, 'qed', { options });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'qed');
    assert.equal(await guestSha256Of(disk), sourceSha256);
    assert.equal(scan.canonical, true);
    assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'qed')));
  });
}

test('qed with zero clusters: same guest bytes and map', { skip }, async () => {
  const path = folder.file('zero.qed');
  await qemuImg('create', '-q', '-f', 'qed', path, '8M');
  await qemuIo(path, 'write -q -P 1 0 1M', 'write -q -z 2M 128k');
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  const scan = await scanDisk(disk);
  assert.equal(scan.zeroBytes, 128 * 1024);
  assert.equal(await guestSha256Of(disk), await guestSha256(path, 'qed'));
  assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'qed')));
});

test('qed left dirty by a crash: scanned, then read with a note', { skip }, async () => {
  const path = folder.file('dirty.qed');
  await qemuImg('create', '-q', '-f', 'qed', path, '64M');
  await qemuIo(path, 'write -q -P 3 0 64k', 'abort').catch(() => {}); // dies as it should
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  await scanDisk(disk);
  assert.equal(disk.canonical, false);
  assert.ok(disk.findings.some((f) => f.check === 'dirty-mark' && f.level === 'noted'));
});

test('qed with a backing file: refused', { skip }, async () => {
  await qemuImg(
    'create',
    '-q',
    '-f',
    'qed',
    '-u',
    '-b',
    '/etc/passwd',
    '-F',
    'raw',
    folder.file('b.qed'),
    '1M',
  );
  await using file = await fileOf(folder.file('b.qed'));
  await assert.rejects(openChecked(file), { kind: 'disk-unsafe', message: /"\/etc\/passwd"/ });
});
