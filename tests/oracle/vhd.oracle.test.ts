import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk, SparseMemory } from '@imageyard/engine';
import { closeThreads, runConversion } from '../../packages/engine/src/node/index.ts';
import { vhdLayout } from '../../packages/engine/src/formats/vhd/layout.ts';
import { writeByLayout } from '../../packages/engine/src/formats/testing.ts';
import { fileOf, guestSha256Of, writeOut } from './ours.ts';
import {
  convert,
  guestSha256,
  makeSource,
  missingTool,
  qemuImg,
  qemuIo,
  sameGuest,
  sha256OfFile,
  SOURCE_BYTES,
  temporaryFolder,
  tool,
  virtualSize,
} from './qemu.ts';

const skip = missingTool('qemu-img', 'qemu-io');
const seed = Uint8Array.from({ length: 16 }, (_, i) => i);
const GiB = 1024 ** 3;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sourceSha256 = '';
before(async () => {
  if (skip) return;
  folder = await temporaryFolder();
  await makeSource(folder.file('src.raw'));
  sourceSha256 = await sha256OfFile(folder.file('src.raw'));
});
after(async () => {
  await closeThreads();
  await folder?.[Symbol.asyncDispose]();
});

/** Without force_size qemu enlarges the disk until a geometry holds it. */
const variants: readonly [name: string, options: string, size: number][] = [
  ['dynamic', '', 24_127_488],
  ['dynamic of exact size', 'force_size=on', SOURCE_BYTES],
  ['fixed', 'subformat=fixed', 24_127_488],
  ['fixed of exact size', 'subformat=fixed,force_size=on', SOURCE_BYTES],
];

for (const [name, options, size] of variants) {
  test(`vhd by qemu-img, ${name}: same size, same guest bytes, canonical`, { skip }, async () => {
    const path = folder.file(`${name.replaceAll(' ', '-')}.vhd`);
    await convert(folder.file('src.raw'), path, 'vhd', { options });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'vhd');
    assert.equal(disk.virtualSize, size);
    assert.equal(disk.virtualSize, await virtualSize(path, 'vhd'));
    assert.equal(await guestSha256Of(disk), await guestSha256(path, 'vhd'));
    assert.equal(scan.canonical, true, JSON.stringify(scan));
    assert.equal(scan.trailingBytes, 0);
  });
}

/** The base source as a VHD, by the mover. */
async function ours(name: string, subformat: string): Promise<string> {
  const targetPath = folder.file(name);
  const { fileSize } = await runConversion({
    source: { kind: 'file', path: folder.file('src.raw') },
    sourceFormat: 'raw',
    targetPath,
    targetFormat: 'vhd',
    options: { seed, subformat },
    hashes: [],
  });
  assert.ok(fileSize > 0);
  return targetPath;
}

for (const subformat of ['dynamic', 'fixed']) {
  test(`vhd by us, ${subformat}: qemu-img sees the exact size and the same bytes`, { skip }, async () => {
    const path = await ours(`ours-${subformat}.vhd`, subformat);
    assert.equal(await virtualSize(path, 'vhd'), SOURCE_BYTES);
    assert.ok(await sameGuest(path, 'vhd', folder.file('src.raw'), 'raw'));
    assert.equal(await guestSha256(path, 'vhd'), sourceSha256);
  });

  test(`vhd by us, ${subformat}: the mover writes what the plainest writer writes`, { skip }, async () => {
    const path = await ours(`mover-${subformat}.vhd`, subformat);
    await using source = await fileOf(folder.file('src.raw'));
    const disk = await openChecked(source);
    const plain = await writeByLayout(disk, vhdLayout(disk.virtualSize, { seed, subformat }));
    await writeOut(plain, folder.file(`plain-${subformat}.vhd`));
    await using file = await fileOf(path);
    assert.equal(file.size, plain.size);
    const scan = await scanDisk(await openChecked(file));
    assert.equal(scan.canonical, true);
    assert.ok(await sameGuest(path, 'vhd', folder.file(`plain-${subformat}.vhd`), 'vhd'));
  });

  const noVhdi = missingTool('qemu-img', 'vhdiinfo');
  test(`vhd by us, ${subformat}: libvhdi sees its kind and exact size`, { skip: noVhdi }, async () => {
    const { code, stdout, stderr } = await tool('vhdiinfo', [await ours(`vhdi-${subformat}.vhd`, subformat)]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`\\(${SOURCE_BYTES} bytes\\)`));
    assert.match(stdout, new RegExp(`Disk type\\s*:\\s*${subformat}`, 'i'));
  });

  const noSevenZip = missingTool('qemu-img', '7zz');
  test(`vhd by us, ${subformat}: 7-Zip unpacks the same bytes`, { skip: noSevenZip }, async () => {
    const path = await ours(`7z-${subformat}.vhd`, subformat);
    await using out = await temporaryFolder();
    const { code, stderr } = await tool('7zz', ['e', '-y', '-tVHD', `-o${out.path}`, path]);
    assert.equal(code, 0, stderr);
    assert.equal(await sha256OfFile(out.file(`7z-${subformat}.img`)), sourceSha256);
  });
}

for (const [name, size] of [
  ['512 bytes', 512],
  ['1 MiB less a sector', 1024 * 1024 - 512],
  ['127 GiB and a sector, above what a geometry holds', 127 * GiB + 512],
  ['2040 GiB, the limit', 2040 * GiB],
] as const) {
  test(
    `vhd by qemu-img of ${name}: the first and last sectors are where qemu-io wrote them`,
    { skip },
    async () => {
      const path = folder.file(`edge-${size}.vhd`);
      await qemuImg('create', '-q', '-f', 'vpc', '-o', 'force_size=on', path, String(size));
      await qemuIo(path, 'write -q -P 0x33 0 512', `write -q -P 0x44 ${size - 512} 512`);
      await using file = await fileOf(path);
      const disk = await openChecked(file);
      await scanDisk(disk);
      assert.equal(disk.virtualSize, size);
      const first = await sectorAt(disk, 0);
      const last = await sectorAt(disk, size - 512);
      assert.equal(first[511], size === 512 ? 0x44 : 0x33);
      assert.equal(last[0], 0x44);
    },
  );

  test(`vhd by us of ${name}: qemu-img opens it with the exact size`, { skip }, async () => {
    const path = folder.file(`ours-edge-${size}.vhd`);
    const layout = vhdLayout(size, { seed });
    const out = new SparseMemory();
    for (const made of [...layout.head(), ...layout.finish([], layout.dataOffset)])
      out.put(made.fileOffset, made.bytes);
    await writeOut(out, path);
    assert.equal(await virtualSize(path, 'vhd'), size);
    await qemuIo(path, `read -q -P 0 0 512`, `read -q -P 0 ${size - 512} 512`);
  });
}

async function sectorAt(disk: Awaited<ReturnType<typeof openChecked>>, offset: number): Promise<Uint8Array> {
  for await (const extent of disk.extents(offset)) {
    assert.equal(extent.kind, 'stored');
    const bytes = new Uint8Array(512);
    if (extent.kind === 'stored') await extent.file.read(extent.fileOffset, bytes);
    return bytes;
  }
  throw new Error('no extent');
}
