import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { openChecked, scanDisk, type SparseMemory } from '@imageyard/engine';
import {
  buildVhdx,
  logEntry,
  logOf,
  MiB,
  present,
  type LogWrite,
} from '../../packages/engine/src/formats/vhdx/testing.ts';
import { fileOf, guestSha256Of, writeOut } from './ours.ts';
import {
  checkCode,
  convert,
  guestSha256,
  makeSource,
  missingTool,
  noise,
  qemuImg,
  qemuIo,
  sha256OfFile,
  temporaryFolder,
  tool,
  virtualSize,
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

const variants: readonly [name: string, options: string][] = [
  ['dynamic', ''],
  ['blocks of 1 MiB', 'block_size=1M'],
  ['absent blocks in state 0', 'block_state_zero=off'],
  ['blocks of 256 MiB, a log of 2 MiB', 'log_size=2M,block_size=256M'],
  ['fixed', 'subformat=fixed'],
  ['fixed, absent blocks in state 0', 'subformat=fixed,block_state_zero=off'],
];

for (const [name, options] of variants) {
  test(`vhdx by qemu-img, ${name}: same guest bytes, canonical`, { skip }, async () => {
    const path = folder.file(`${name.replaceAll(' ', '-')}.vhdx`);
    await convert(folder.file('src.raw'), path, 'vhdx', { options });
    await using file = await fileOf(path);
    const disk = await openChecked(file);
    const scan = await scanDisk(disk);
    assert.equal(disk.facts.format, 'vhdx');
    assert.equal(await guestSha256Of(disk), sourceSha256);
    assert.equal(scan.canonical, true, JSON.stringify(scan));
  });
}

test('vhdx by qemu-img of 63 TiB: the last sector is where qemu-io wrote it', { skip }, async () => {
  const path = folder.file('large.vhdx');
  await qemuImg('create', '-q', '-f', 'vhdx', path, '63T');
  await qemuIo(path, `write -q -P 0x33 ${63 * TiB - 512} 512`);
  await using file = await fileOf(path);
  const disk = await openChecked(file);
  const scan = await scanDisk(disk);
  assert.equal(disk.virtualSize, 63 * TiB);
  assert.equal(scan.storedBytes, 64 * MiB);
});

/**
 * A block of data and a hole, and what a crash left in the log: a new BAT entry, data and zeros.
 * Each entry's descriptors fit into one sector, as qemu misreads further ones.
 */
function withPendingLog(): SparseMemory {
  const dataAt = 4 * MiB;
  const bat = new Uint8Array(4096);
  const view = new DataView(bat.buffer);
  view.setBigUint64(0, BigInt(present(dataAt)), true);
  view.setBigUint64(16, BigInt(present(dataAt + MiB)), true);
  const first: LogWrite[] = [
    { at: 3 * MiB, data: bat },
    { at: dataAt + MiB, data: noise(4096) },
    { at: dataAt + 8192, data: noise(8192).subarray(4096) },
  ];
  const second: LogWrite[] = [
    { at: dataAt + 65_536, zeros: 65_536 },
    ...Array.from({ length: 100 }, (_, i) => ({
      at: dataAt + MiB + 4096 * (i + 1),
      data: noise(4096 * (i + 2)).subarray(-4096),
    })),
  ];
  // The first entry starts near the end of the log and the second runs around it.
  const position = MiB - 5 * 4096;
  const common = { tail: position, flushed: 6 * MiB, last: 6 * MiB };
  const one = logEntry({ sequence: 41, writes: first, ...common });
  const two = logEntry({ sequence: 42, writes: second, ...common });
  const log = logOf([
    [position, one],
    [(position + one.length) % MiB, two],
  ]);
  return buildVhdx({ virtualSize: 8 * MiB, log, bat: new Map([[0, present(dataAt)]]), dataBlocks: 2 }).file;
}

test('vhdx with a pending log: we show in memory what qemu shows after its replay', { skip }, async () => {
  const path = folder.file('dirty.vhdx');
  await writeOut(withPendingLog(), path);
  const untouched = await sha256OfFile(path);
  const refusal = await tool('qemu-img', [
    'convert',
    '-q',
    '-f',
    'vhdx',
    '-O',
    'raw',
    path,
    folder.file('dirty.raw'),
  ]);
  assert.notEqual(refusal.code, 0, 'the log is pending: qemu does not open it read-only');

  await using file = await fileOf(path);
  const disk = await openChecked(file);
  await scanDisk(disk);
  const ours = await guestSha256Of(disk);
  assert.equal(disk.canonical, false);
  assert.equal(await sha256OfFile(path), untouched, 'the file is not changed');

  await copyFile(path, folder.file('replayed.vhdx'));
  await qemuImg('check', '-q', '-f', 'vhdx', '-r', 'all', folder.file('replayed.vhdx'));
  assert.equal(await checkCode(folder.file('replayed.vhdx'), 'vhdx'), 0);
  assert.equal(ours, await guestSha256(folder.file('replayed.vhdx'), 'vhdx'));
  assert.equal(await virtualSize(folder.file('replayed.vhdx'), 'vhdx'), disk.virtualSize);

  await using replayedFile = await fileOf(folder.file('replayed.vhdx'));
  const replayed = await openChecked(replayedFile);
  assert.equal(await guestSha256Of(replayed), ours);
});

test('vhdx of a builder without a log: qemu-img finds it clean and sees our bytes', { skip }, async () => {
  const path = folder.file('built.vhdx');
  await writeOut(buildVhdx({ virtualSize: 8 * MiB }).file, path);
  assert.equal(await checkCode(path, 'vhdx'), 0);
  await using file = await fileOf(path);
  assert.equal(await guestSha256Of(await openChecked(file)), await guestSha256(path, 'vhdx'));
});
