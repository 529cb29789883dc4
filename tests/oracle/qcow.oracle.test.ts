import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk } from '@imageyard/engine';
import { fileOf, guestSha256Of, mergedMap, ourMap } from './ours.ts';
import {
  convert,
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

for (const [name, more] of [
  ['plain', []],
  ['compressed', ['-c']],
] as const) {
  test(`qcow by qemu-img, ${name}: same guest bytes and map`, { skip }, async () => {
    const path = folder.file(`${name}.qcow`);
    await convert(folder.file('src.raw'), path, 'qcow', { more, mayExit1: true });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'qcow');
    assert.equal(await guestSha256Of(disk), sourceSha256);
    assert.equal(scan.canonical, true);
    assert.equal(scan.packedUnits > 0, name === 'compressed');
    assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'qcow')));
  });
}

test('qcow by qemu-img, 1 TiB with data at both ends: found by its tables alone', { skip }, async () => {
  const path = folder.file('large.qcow');
  const last = 1024 ** 4 - 65_536;
  await qemuImg('create', '-q', '-f', 'qcow', path, '1T');
  await qemuIo(path, 'write -q -P 0x33 0 64k', `write -q -P 0x33 ${last} 64k`);
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  const scan = await scanDisk(disk);
  assert.equal(scan.dataBytes, 2 * 65_536);
  const data = (await ourMap(disk)).filter((range) => range.kind === 'data');
  assert.deepEqual(
    data.map(({ start, length }) => [start, length]),
    [
      [0, 65_536],
      [last, 65_536],
    ],
  );
});

test('qcow with a backing file or encryption: refused', { skip }, async () => {
  await qemuImg(
    'create',
    '-q',
    '-f',
    'qcow',
    '-u',
    '-b',
    '/etc/passwd',
    '-F',
    'raw',
    folder.file('b.qcow'),
    '1M',
  );
  await using backed = await fileOf(folder.file('b.qcow'));
  await assert.rejects(openChecked(backed), { kind: 'disk-unsafe', message: /"\/etc\/passwd"/ });
  const secret = ['--object', 'secret,id=s,data=abc', '-o', 'encrypt.format=aes,encrypt.key-secret=s'];
  await qemuImg('create', '-q', '-f', 'qcow', ...secret, folder.file('a.qcow'), '1M');
  await using encrypted = await fileOf(folder.file('a.qcow'));
  await assert.rejects(openChecked(encrypted), { kind: 'disk-encrypted' });
});
