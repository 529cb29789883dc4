import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk } from '@imageyard/engine';
import { openFile } from '../../packages/engine/src/node/index.ts';
import { buildStream } from '../../packages/engine/src/formats/vmdk/testing.ts';
import { fileOf, guestSha256Of, mergedMap, ourMap, writeOut } from './ours.ts';
import {
  convert,
  guestSha256,
  makeSource,
  map,
  missingTool,
  qemuImg,
  qemuIo,
  sha256OfFile,
  SOURCE_BYTES,
  temporaryFolder,
  tool,
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

const variants: readonly [name: string, options: string, more?: readonly string[]][] = [
  ['monolithicSparse', ''],
  ['zeroed grains', 'zeroed_grain=on'],
  ['zeroed grains, zeros written', 'zeroed_grain=on', ['-S', '0']],
  ['streamOptimized', 'subformat=streamOptimized'],
  ['streamOptimized, written out of order', 'subformat=streamOptimized', ['-W', '-m', '8']],
  ['compat6', 'compat6=on'],
  ['lsilogic', 'adapter_type=lsilogic,hwversion=7'],
];

for (const [name, options, more = []] of variants) {
  test(`vmdk by qemu-img, ${name}: same guest bytes, same map, canonical`, { skip }, async () => {
    const path = folder.file(`${name.replaceAll(/[ ,]+/g, '-')}.vmdk`);
    await convert(folder.file('src.raw'), path, 'vmdk', { options, more });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'vmdk');
    assert.equal(await guestSha256Of(disk), sourceSha256);
    const ours = await ourMap(disk);
    const theirs = mergedMap(await map(path, 'vmdk'));
    assert.deepEqual(ours, theirs);
    assert.equal(scan.canonical, true, JSON.stringify(scan));
  });
}

for (const subformat of ['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat']) {
  test(
    `vmdk by qemu-img, ${subformat}: the descriptor alone is refused, and so is a part`,
    { skip },
    async () => {
      const path = folder.file(`${subformat}.vmdk`);
      await convert(folder.file('src.raw'), path, 'vmdk', { options: `subformat=${subformat}` });
      await using file = await fileOf(path);
      await assert.rejects(openChecked(file), { kind: 'disk-unsafe' });
      if (subformat !== 'twoGbMaxExtentSparse') return;
      await using part = await fileOf(folder.file(`${subformat}-s001.vmdk`));
      await assert.rejects(openChecked(part), { kind: 'disk-unsafe', message: /split disk/ });
    },
  );
}

test('vmdk child of another disk, which qemu would read through it, is refused', { skip }, async () => {
  await convert(folder.file('src.raw'), folder.file('base.vmdk'), 'vmdk');
  await qemuImg(
    'create',
    '-q',
    '-f',
    'vmdk',
    '-b',
    folder.file('base.vmdk'),
    '-F',
    'vmdk',
    folder.file('child.vmdk'),
  );
  await using file = await fileOf(folder.file('child.vmdk'));
  await assert.rejects(openChecked(file), { kind: 'disk-unsafe', message: /parentFileNameHint/ });
});

test(
  'vmdk by qemu-img of 8 TiB: a grain far out is found, and 1 GiB of preallocated tables is not read',
  { skip },
  async () => {
    const path = folder.file('large.vmdk');
    await qemuImg('create', '-q', '-f', 'vmdk', path, '8T');
    await qemuIo(path, `write -q -P 0x33 ${6 * TiB} 64k`);
    const file = await openFile(path);
    try {
      const disk = await openChecked(file);
      const scan = await scanDisk(disk);
      assert.equal(disk.virtualSize, 8 * TiB);
      assert.equal(scan.storedBytes, 65_536);
      assert.equal(scan.canonical, true);
    } finally {
      await file.close?.();
    }
  },
);

/** The base source as a stream in VMware's order. */
async function vmwareStream(path: string, cutLast = false): Promise<void> {
  const guest = await readFile(folder.file('src.raw'));
  const { file } = buildStream({ capacity: SOURCE_BYTES / 512, guest, cutLast });
  await writeOut(file, path);
}

test('vmdk stream in VMware’s order: we and qemu-img see the same bytes', { skip }, async () => {
  const path = folder.file('vmware.vmdk');
  await vmwareStream(path);
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  assert.equal((await scanDisk(disk)).canonical, true);
  assert.equal(await guestSha256Of(disk), sourceSha256);
  assert.equal(await guestSha256(path, 'vmdk'), sourceSha256);
  assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'vmdk')));
});

test(
  'vmdk stream in VMware’s order: 7-Zip sees the same bytes',
  { skip: missingTool('qemu-img', '7zz') },
  async () => {
    const path = folder.file('seven.vmdk');
    await vmwareStream(path);
    await using out = await temporaryFolder();
    const { code, stderr } = await tool('7zz', ['e', '-y', '-tVMDK', `-o${out.path}`, path]);
    assert.equal(code, 0, stderr);
    const found = await tool('ls', [out.path]);
    assert.equal(await sha256OfFile(out.file(found.stdout.trim())), sourceSha256);
  },
);

test('vmdk stream whose last grain ends with the disk: the same bytes', { skip }, async () => {
  const path = folder.file('cut.vmdk');
  await vmwareStream(path, true);
  await using file = await fileOf(path);
  assert.equal(await guestSha256Of(await openChecked(file)), sourceSha256);
});

test('vmdk stream without a directory: its markers give the same bytes', { skip }, async () => {
  const path = folder.file('markers.vmdk');
  await vmwareStream(path);
  const bytes = await readFile(path);
  bytes.fill(0xff, bytes.length - 1024 + 56, bytes.length - 1024 + 64);
  await writeFile(path, bytes);
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  await scanDisk(disk);
  assert.ok(disk.findings.some((f) => f.check === 'directory' && f.level === 'noted'));
  assert.equal(await guestSha256Of(disk), sourceSha256);
});

test(
  'vmdk by qemu-img: libvmdk agrees about size and type',
  { skip: missingTool('qemu-img', 'vmdkinfo') },
  async () => {
    const path = folder.file('second.vmdk');
    await convert(folder.file('src.raw'), path, 'vmdk');
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const { code, stdout, stderr } = await tool('vmdkinfo', [path]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`\\(${disk.virtualSize} bytes\\)`));
    assert.match(stdout, /monolithic sparse/i);
  },
);
