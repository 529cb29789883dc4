/** Every format that is read, made by `qemu-img`, to every format that is written: the guest must be the same. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  checkSource,
  closeThreads,
  hashSource,
  openFile,
  runConversion,
} from '../../packages/engine/src/node/index.ts';
import { driverFor, GuestReader, type FormatName } from '../../packages/engine/src/index.ts';
import {
  checkCode,
  convert,
  guestSha256,
  makeSource,
  missingTool,
  sha256OfFile,
  SOURCE_BYTES,
  temporaryFolder,
  type ConvertOptions,
} from './qemu.ts';

const skip = missingTool('qemu-img');

/** Name, format, and how `qemu-img` makes it. */
const sources: readonly [string, FormatName, ConvertOptions][] = [
  ['raw', 'raw', {}],
  ['qcow2', 'qcow2', {}],
  ['qcow2-v2', 'qcow2', { options: 'compat=0.10' }],
  ['qcow2-zlib', 'qcow2', { more: ['-c'] }],
  ['qcow2-zstd', 'qcow2', { options: 'compression_type=zstd', more: ['-c'] }],
  ['qcow2-2m-zlib', 'qcow2', { options: 'cluster_size=2M', more: ['-c'] }],
  ['qcow2-extended', 'qcow2', { options: 'extended_l2=on,cluster_size=128k' }],
  ['qcow', 'qcow', {}],
  ['qcow-zlib', 'qcow', { more: ['-c'], mayExit1: true }],
  ['qed', 'qed', {}],
  ['vhd-dynamic', 'vhd', { options: 'force_size=on' }],
  ['vhd-fixed', 'vhd', { options: 'subformat=fixed,force_size=on' }],
  ['vhdx', 'vhdx', {}],
  ['vhdx-1m', 'vhdx', { options: 'block_size=1M' }],
  ['vdi', 'vdi', {}],
  ['vdi-static', 'vdi', { options: 'static=on' }],
  ['vmdk-sparse', 'vmdk', {}],
  ['vmdk-stream', 'vmdk', { options: 'subformat=streamOptimized' }],
];
/** Name, format, sub-format, does `qemu-img check` know it. */
const targets: readonly [string, FormatName, string | undefined, boolean][] = [
  ['raw', 'raw', undefined, false],
  ['qcow2', 'qcow2', undefined, true],
  ['vhd dynamic', 'vhd', 'dynamic', false],
  ['vhd fixed', 'vhd', 'fixed', false],
  ['zvhd2', 'zvhd2', undefined, false],
];

test.after(closeThreads);

for (const [name, sourceFormat, how] of sources) {
  test(`${name}: converts to each format with the same guest bytes`, { skip }, async (t) => {
    await using folder = await temporaryFolder();
    await makeSource(folder.file('source.raw'));
    const wanted = await sha256OfFile(folder.file('source.raw'));
    const source = { kind: 'file', path: folder.file('source') } as const;
    await convert(folder.file('source.raw'), source.path, sourceFormat, how);
    const checked = await checkSource(source);
    assert.deepEqual([checked.format, checked.virtualSize], [sourceFormat, SOURCE_BYTES]);

    for (const [target, targetFormat, subformat, hasCheck] of targets) {
      await t.test(target, async () => {
        const targetPath = folder.file(`${target}.out`);
        const result = await runConversion({
          source,
          sourceFormat,
          targetPath,
          targetFormat,
          options: { seed: new Uint8Array(16).fill(3), ...(subformat && { subformat }) },
          hashes: ['sha256'],
        });
        assert.equal(result.digests.sha256, await sha256OfFile(targetPath), 'digest of the stored bytes');
        if (targetFormat === 'zvhd2') {
          assert.equal(await ownGuestSha256(targetPath, targetFormat, SOURCE_BYTES), wanted);
        } else assert.equal(await guestSha256(targetPath, targetFormat), wanted);
        if (hasCheck) assert.equal(await checkCode(targetPath, targetFormat), 0);
        const again = await checkSource({ kind: 'file', path: targetPath });
        assert.deepEqual([again.format, again.canonical], [targetFormat, true]);
      });
    }
  });
}

test('zvhd2: our file goes back to the source it was made of', { skip }, async () => {
  await using folder = await temporaryFolder();
  await makeSource(folder.file('source.raw'));
  const step = (from: string, sourceFormat: FormatName, to: string, targetFormat: FormatName) =>
    runConversion({
      source: { kind: 'file', path: folder.file(from) },
      sourceFormat,
      targetPath: folder.file(to),
      targetFormat,
      options: { seed: new Uint8Array(16) },
      hashes: [],
    });
  await step('source.raw', 'raw', 'a.zvhd2', 'zvhd2');
  const { virtualSize } = await step('a.zvhd2', 'zvhd2', 'a.qcow2', 'qcow2');
  assert.equal(virtualSize, 2 ** 30);
  await step('a.qcow2', 'qcow2', 'b.zvhd2', 'zvhd2');
  const [a, b] = await Promise.all(
    ['a.zvhd2', 'b.zvhd2'].map((file) => ownGuestSha256(folder.file(file), 'zvhd2', SOURCE_BYTES)),
  );
  assert.equal(a, b);
  assert.deepEqual(await hashSource({ kind: 'file', path: folder.file('source.raw') }, ['sha256']), {
    sha256: a,
  });
});

/** What our own reader shows of guest bytes [0, end), for formats that qemu-img can't read. */
async function ownGuestSha256(path: string, format: FormatName, end: number): Promise<string> {
  const file = await openFile(path);
  try {
    const reader = new GuestReader(await driverFor(format).open(file, 'deny'));
    const hash = createHash('sha256');
    const buffer = new Uint8Array(2 * 1024 * 1024);
    for (let at = 0; at < end; at += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, end - at));
      await reader.read(at, piece);
      hash.update(piece);
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}
