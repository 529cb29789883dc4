import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk } from '@imageyard/engine';
import { fileOf, guestSha256Of, mergedMap, ourMap, type MapRange } from './ours.ts';
import {
  checkCode,
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
const TiB = 1024 ** 4;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sourceSha256 = '';
before(async () => {
  if (skip) return;
  folder = await temporaryFolder();
  await makeSource(folder.file('src.raw'));
  sourceSha256 = await sha256OfFile(folder.file('src.raw'));
});
after(() => folder?.[Symbol.asyncDispose]());

/** qemu calls blocks that were never written zero, like discarded ones. */
const asQemuSays = (ranges: readonly MapRange[]): MapRange[] =>
  ranges.map((range) => (range.kind === 'hole' ? { ...range, kind: 'zero' } : range));

for (const [name, options] of [
  ['dynamic', ''],
  ['static', 'static=on'],
] as const) {
  test(`vdi by qemu-img, ${name}: same guest bytes, same map, canonical`, { skip }, async () => {
    const path = folder.file(`${name}.vdi`);
    await convert(folder.file('src.raw'), path, 'vdi', { options });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.subformat, name);
    assert.equal(await guestSha256Of(disk), sourceSha256);
    assert.deepEqual(asQemuSays(await ourMap(disk)), mergedMap(await map(path, 'vdi')));
    assert.equal(scan.canonical, true, JSON.stringify(scan));
    assert.equal(await checkCode(path, 'vdi'), 0);
  });
}

test('vdi by qemu-io, blocks in no order and zeros written: same guest bytes', { skip }, async () => {
  const path = folder.file('mixed.vdi');
  await qemuImg('create', '-q', '-f', 'vdi', path, '9M');
  await qemuIo(
    path,
    'write -q -P 7 5M 64k',
    'write -q -P 8 1M 1M',
    'write -q -z 3M 1M',
    'write -q -P 9 8M 512',
  );
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  const scan = await scanDisk(disk);
  assert.equal(await guestSha256Of(disk), await guestSha256(path, 'vdi'));
  assert.equal(scan.canonical, true);
});

test(
  'vdi by qemu-img of 8 TiB: the last block is where qemu-io wrote it, and the walk is short',
  { skip },
  async () => {
    const path = folder.file('large.vdi');
    await qemuImg('create', '-q', '-f', 'vdi', path, '8T');
    await qemuIo(path, `write -q -P 0x33 ${8 * TiB - 65_536} 64k`);
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.virtualSize, 8 * TiB);
    assert.equal(scan.storedBytes, 1024 * 1024);
    assert.equal(scan.canonical, true);
  },
);
