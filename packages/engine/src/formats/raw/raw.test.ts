import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { putU32le, putU64le } from '../../bytes/integers.ts';
import { scanDisk } from '../../disk/scan.ts';
import { guestBytes, piecesOf, writeByLayout } from '../testing.ts';
import { raw } from './driver.ts';
import { rawLayout } from './layout.ts';

const KiB = 1024;
const findingOf = async (file: SparseMemory, check: string) =>
  (await raw.open(file, 'deny')).findings.find((f) => f.check === check);

test('raw: holes are holes where the place knows them, from any offset', async () => {
  const file = new SparseMemory(300 * KiB).put(70 * KiB, Uint8Array.of(1)).put(299 * KiB, Uint8Array.of(1));
  const disk = await raw.open(file, 'deny');
  assert.deepEqual(await piecesOf(disk, 100 * KiB), [
    { kind: 'stored', guestOffset: 100 * KiB, length: 28 * KiB, fileOffset: 100 * KiB },
    { kind: 'hole', guestOffset: 128 * KiB, length: 128 * KiB },
    { kind: 'stored', guestOffset: 256 * KiB, length: 44 * KiB, fileOffset: 256 * KiB },
  ]);
  assert.equal((await scanDisk(disk)).canonical, true);
});

test('raw: without knowledge of holes all is stored', async () => {
  const disk = await raw.open(memoryFile(new Uint8Array(2048)), 'deny');
  assert.deepEqual(await piecesOf(disk), [{ kind: 'stored', guestOffset: 0, length: 2048, fileOffset: 0 }]);
});

test('raw: an odd size is rounded up to a sector with zeros, noted and not canonical', async () => {
  const disk = await raw.open(memoryFile(new Uint8Array(1000).fill(7)), 'deny');
  assert.equal(disk.virtualSize, 1024);
  assert.equal(disk.canonical, false);
  assert.deepEqual(await piecesOf(disk, 600), [
    { kind: 'stored', guestOffset: 600, length: 400, fileOffset: 600 },
    { kind: 'zero', guestOffset: 1000, length: 24 },
  ]);
  assert.equal(disk.findings.find((f) => f.check === 'size')?.level, 'noted');
  assert.deepEqual((await guestBytes(disk)).subarray(998), Uint8Array.of(7, 7, ...new Uint8Array(24)));
});

test('raw: a sparse file of 60 TiB is walked by its holes', async () => {
  const file = new SparseMemory(60 * 1024 ** 4).put(2 ** 45, Uint8Array.of(1));
  const scan = await scanDisk(await raw.open(file, 'deny'));
  assert.equal(scan.dataBytes, 64 * KiB);
});

test('raw: more than the cap is too large, nothing is empty', async () => {
  const large = raw.open(new SparseMemory(64 * 1024 ** 4 + 1), 'deny');
  await assert.rejects(large, { kind: 'disk-too-large', message: /the limit is 70368744177664/ });
  await assert.rejects(raw.open(new SparseMemory(0), 'deny'), { kind: 'disk-empty' });
});

/** A GPT of which the main header says that the backup lies in sector `backup`. */
function withGpt(size: number, backup: number, there: boolean): SparseMemory {
  const header = new Uint8Array(92);
  header.set(new TextEncoder().encode('EFI PART'));
  putU64le(header, 32, backup);
  const file = new SparseMemory(size).put(510, Uint8Array.of(0x55, 0xaa)).put(512, header);
  if (there) file.put(backup * 512, header);
  return file;
}

test('raw: the GPT backup header tells whether a disk was cut or grown', async () => {
  const size = 512 * KiB;
  const last = size / 512 - 1;
  assert.equal((await findingOf(withGpt(size, last, true), 'disk-end'))?.level, 'passed');
  assert.match((await findingOf(withGpt(size, last + 1000, false), 'disk-end'))?.message ?? '', /looks cut/);
  assert.match(
    (await findingOf(withGpt(size, last, false), 'disk-end'))?.message ?? '',
    /no GPT backup header/,
  );
  assert.match((await findingOf(withGpt(size, last - 100, true), 'disk-end'))?.message ?? '', /was grown/);
});

test('raw: a backup header at an absurd sector is only a note', async () => {
  const file = withGpt(512 * KiB, 1, true);
  file.put(512 + 32, new Uint8Array(8).fill(255));
  assert.match((await findingOf(file, 'disk-end'))?.message ?? '', /looks cut/);
});

test('raw: MBR partitions behind the end look cut; no table at all may not boot', async () => {
  const entry = new Uint8Array(16);
  entry[4] = 0x83;
  putU32le(entry, 8, 2048);
  putU32le(entry, 12, 0xffff_ffff);
  const cut = new SparseMemory(512 * KiB).put(446, entry).put(510, Uint8Array.of(0x55, 0xaa));
  assert.match((await findingOf(cut, 'disk-end'))?.message ?? '', /looks cut: the mbr/);
  const empty = new SparseMemory(512 * KiB);
  assert.match((await findingOf(empty, 'partitions'))?.message ?? '', /may not boot/);
});

test('raw: file systems without a partition table are known', async () => {
  const cases: [string, number, Uint8Array | string][] = [
    ['ext', 1080, Uint8Array.of(0x53, 0xef)],
    ['xfs', 0, 'XFSB'],
    ['ntfs', 3, 'NTFS    '],
    ['lvm', 512, 'LABELONE'],
    ['btrfs', 65_600, '_BHRfS_M'],
    ['swap', 4086, 'SWAPSPACE2'],
  ];
  for (const [kind, at, bytes] of cases) {
    const file = new SparseMemory(128 * KiB).put(
      at,
      typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes,
    );
    assert.equal((await raw.open(file, 'deny')).facts.details['partitions'], kind);
  }
});

test('raw layout: the last unit is cut, the length is that of the disk, zeros are left out', async () => {
  const bytes = new Uint8Array(200 * KiB + 512);
  bytes.fill(1, 0, 10).fill(2, 200 * KiB);
  const disk = await raw.open(memoryFile(bytes), 'deny');
  const layout = rawLayout(disk.virtualSize);
  assert.equal(layout.fileSize, bytes.length);
  const file = await writeByLayout(disk, layout);
  assert.equal(file.size, bytes.length);
  assert.deepEqual(await guestBytes(await raw.open(file, 'deny')), bytes);
  assert.deepEqual(await file.nextData(64 * KiB), { start: 192 * KiB, end: bytes.length });
});
