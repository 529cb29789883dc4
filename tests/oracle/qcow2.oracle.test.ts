import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk, SparseMemory } from '@imageyard/engine';
import { closeThreads, runConversion } from '@imageyard/engine/node';
import { qcow2Layout } from '../../packages/engine/src/formats/qcow2/layout.ts';
import { writeByLayout } from '../../packages/engine/src/formats/testing.ts';
import { fileOf, guestSha256Of, mergedMap, ourMap, writeOut } from './ours.ts';
import {
  checkCode,
  convert,
  guestSha256,
  makeSource,
  map,
  missingTool,
  qemuImg,
  qemuIo,
  sameGuest,
  SOURCE_BYTES,
  sha256OfFile,
  temporaryFolder,
} from './qemu.ts';

const skip = missingTool('qemu-img', 'qemu-io');
const seed = new Uint8Array(16);

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

/** The QCOW2 base files: name, options of `convert`, and whether all readers see one file. */
const variants: readonly [name: string, options: string, more?: readonly string[]][] = [
  ['version 3', ''],
  ['version 2', 'compat=0.10'],
  ['compressed with zlib', '', ['-c']],
  ['compressed with zstd', 'compression_type=zstd', ['-c']],
  ['compressed with clusters of 2 MiB', 'cluster_size=2M', ['-c']],
  ['compressed with clusters of 512 bytes', 'cluster_size=512', ['-c']],
  ['clusters of 512 bytes', 'cluster_size=512'],
  ['clusters of 2 MiB', 'cluster_size=2M'],
  ['extended L2', 'extended_l2=on,cluster_size=128k'],
  ['compressed with extended L2', 'extended_l2=on,cluster_size=32k', ['-c']],
  ['preallocated metadata', 'preallocation=metadata'],
  ['preallocated in full', 'preallocation=falloc'],
  ['zeros written', '', ['-S', '0']],
  ['lazy refcounts', 'lazy_refcounts=on'],
  ...[1, 2, 4, 8, 16, 32, 64].map((bits): [string, string] => [
    `${bits} refcount bits`,
    `refcount_bits=${bits}`,
  ]),
];

for (const [name, options, more = []] of variants) {
  test(`qcow2 by qemu-img, ${name}: same guest bytes, same map, canonical`, { skip }, async () => {
    const path = folder.file(`${name.replaceAll(' ', '-')}.qcow2`);
    await convert(folder.file('src.raw'), path, 'qcow2', { options, more });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'qcow2');
    assert.equal(await guestSha256Of(disk), sourceSha256);
    assert.equal(scan.canonical, true, JSON.stringify(scan));
    assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'qcow2')));
  });
}

test('qcow2 by qemu-io, zeros written and unmapped: same guest bytes and map', { skip }, async () => {
  const path = folder.file('zero.qcow2');
  await qemuImg('create', '-q', '-f', 'qcow2', path, '8M');
  await qemuIo(path, 'write -q -P 1 0 1M', 'write -q -z 64k 128k', 'write -q -zu 512k 64k');
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  await scanDisk(disk);
  assert.equal(await guestSha256Of(disk), await guestSha256(path, 'qcow2'));
  assert.deepEqual(await ourMap(disk), mergedMap(await map(path, 'qcow2')));
});

test(
  'qcow2 with an internal snapshot and a bitmap: the active state is read, both are noted',
  { skip },
  async () => {
    const path = folder.file('snap.qcow2');
    await qemuImg('create', '-q', '-f', 'qcow2', path, '8M');
    await qemuIo(path, 'write -q -P 1 0 64k');
    await qemuImg('snapshot', '-c', 'one', path);
    await qemuIo(path, 'write -q -P 2 0 64k');
    await qemuImg('bitmap', '--add', path, 'b0');
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(await guestSha256Of(disk), await guestSha256(path, 'qcow2'));
    assert.equal(scan.canonical, false);
    const noted = disk.findings.filter((f) => f.level === 'noted').map((f) => f.check);
    assert.deepEqual(noted, ['snapshots', 'bitmaps']);
    assert.equal(disk.facts.details['snapshotNames'], '"one"');
  },
);

test('qcow2 left dirty by a crash: read with a note', { skip }, async () => {
  const path = folder.file('dirty.qcow2');
  await qemuImg('create', '-q', '-f', 'qcow2', '-o', 'lazy_refcounts=on', path, '64M');
  await qemuIo(path, 'write -q -P 3 0 64k', 'abort').catch(() => {}); // dies as it should
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  await scanDisk(disk);
  assert.equal(disk.canonical, false);
  assert.ok(disk.findings.some((f) => f.check === 'dirty-mark' && f.level === 'noted'));
});

for (const unitSize of [512, 4096, 65_536, 2 * 1024 * 1024]) {
  test(
    `qcow2 by us, clusters of ${unitSize}: clean and equal for qemu-img, the same bytes each time`,
    {
      skip,
    },
    async () => {
      const path = folder.file(`ours-${unitSize}.qcow2`);
      const options = { seed, unitSize };
      const ends = { sourceFormat: 'raw', targetFormat: 'qcow2', options, hashes: ['sha256'] } as const;
      const source = { kind: 'file', path: folder.file('src.raw') } as const;
      const { digests } = await runConversion({ source, targetPath: path, ...ends });
      assert.equal(await checkCode(path, 'qcow2'), 0);
      assert.ok(await sameGuest(path, 'qcow2', folder.file('src.raw'), 'raw'));
      // The mover's lanes and the plainest writer there can be put the same bytes at the same places.
      await using plain = await fileOf(folder.file('src.raw'));
      const disk = await openChecked(plain);
      await writeOut(await writeByLayout(disk, qcow2Layout(disk.virtualSize, options)), folder.file('plain'));
      assert.equal(await sha256OfFile(folder.file('plain')), digests.sha256);
    },
  );
}

test('qcow2 by us, an empty disk of 8 TiB: qemu-img finds it clean', { skip }, async () => {
  const path = folder.file('empty.qcow2');
  const written = new SparseMemory();
  for (const made of qcow2Layout(8 * 1024 ** 4, { seed }).finish([], 0))
    written.put(made.fileOffset, made.bytes);
  await writeOut(written, path);
  assert.equal(await checkCode(path, 'qcow2'), 0);
});

test('raw by us from qcow2: the bytes of the source', { skip }, async () => {
  await convert(folder.file('src.raw'), folder.file('in.qcow2'), 'qcow2', { more: ['-c'] });
  const { digests, fileSize } = await runConversion({
    source: { kind: 'file', path: folder.file('in.qcow2') },
    sourceFormat: 'qcow2',
    targetPath: folder.file('out.raw'),
    targetFormat: 'raw',
    options: { seed },
    hashes: ['sha256'],
  });
  assert.equal(fileSize, SOURCE_BYTES);
  assert.equal(digests.sha256, sourceSha256);
  assert.equal(await sha256OfFile(folder.file('out.raw')), sourceSha256);
});
