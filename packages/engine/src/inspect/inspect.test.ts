import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../access/memory-file.ts';
import type { RandomAccess } from '../access/random-access.ts';
import { SparseMemory } from '../access/sparse-memory.ts';
import { putU16le, putU32le, putU64be } from '../bytes/integers.ts';
import type { FormatName } from '../disk/disk.ts';
import { buildQcow2, storedEntry, u32, u64 } from '../formats/qcow2/testing.ts';
import { detect } from './detect.ts';
import { inspect, openChecked } from './inspect.ts';

const KiB = 1024;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const diskOf = (at: number, bytes: Uint8Array, size = 256 * KiB): SparseMemory =>
  new SparseMemory(size).put(at, bytes);

/** Boot sector with one partition of `sectors` from sector 1. */
function withMbr(file: SparseMemory, sectors = 100): SparseMemory {
  const entry = new Uint8Array(16);
  entry[4] = 0x83;
  putU32le(entry, 8, 1);
  putU32le(entry, 12, sectors);
  return file.put(446, entry).put(510, Uint8Array.of(0x55, 0xaa));
}

/** An ISO 9660 volume of `sectors` × 2048 bytes. */
function isoFile(sectors = 128, size = 256 * KiB): SparseMemory {
  const volume = new Uint8Array(2048);
  volume.set(text('\u0001CD001\u0001'));
  volume.set(text('TEST VOLUME'.padEnd(32)), 40);
  putU32le(volume, 80, sectors);
  putU16le(volume, 128, 2048);
  return new SparseMemory(size).put(32_768, volume).put(34_816, text('\u00ffCD001\u0001').slice(1));
}

/** A fixed VHD's footer for a disk of `current` bytes, checksum right. */
function vhdFooter(current: number): Uint8Array {
  const footer = new Uint8Array(512);
  footer.set(text('conectix'));
  footer.set([0, 0, 0, 2, 0, 1, 0, 0], 8);
  footer.fill(255, 16, 24);
  putU64be(footer, 40, current);
  putU64be(footer, 48, current);
  footer[63] = 2;
  const sum = footer.reduce((a, b) => a + b, 0);
  new DataView(footer.buffer).setUint32(64, ~sum >>> 0);
  return footer;
}

async function assertOpens(file: RandomAccess, format: FormatName, stated?: FormatName): Promise<void> {
  const disk = await openChecked(file, stated ? { stated } : {});
  assert.equal(disk.facts.format, format);
}

test('detect: content of other kinds is refused by its name, with a way out', async () => {
  const contents: [string, number, Uint8Array | string, RegExp][] = [
    ['gzip', 0, Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip file.*unpack it/],
    ['bzip2', 0, 'BZh9', /bzip2/],
    ['xz', 0, Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), /xz file/],
    ['zstd', 0, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), /zstd file/],
    ['7z', 0, Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), /7z archive/],
    ['zip', 0, 'PK\u0003\u0004', /zip archive/],
    ['tar', 257, 'ustar', /tar archive/],
    ['wim', 0, 'MSWIM', /WIM/],
    ['parallels', 0, 'WithoutFreeSpace', /Parallels/],
    ['bochs', 0, 'Bochs Virtual HD Image', /Bochs/],
    ['cloop', 0, '#!/bin/sh\n#V2.0 Format\n', /cloop/],
    ['dmg', 256 * KiB - 512, 'koly', /DMG/],
    ['html', 0, ' \n<!DOCTYPE html><title>504', /a web page, not a disk: "<!DOCTYPE html><title>504/],
    ['xml', 0, '<?xml version="1.0"?><Error>', /an XML document/],
    ['json', 0, '{"error": "no such object"}', /a JSON document, not a disk: "\{\\"error\\"/],
    ['lfs', 0, 'version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/],
    ['torrent', 0, 'd8:announce35:http', /torrent/],
    ['checksums', 0, `${'0123456789abcdef'.repeat(4)}  disk.raw\n`, /checksums/],
  ];
  for (const [name, at, bytes, message] of contents) {
    const file = diskOf(at, typeof bytes === 'string' ? text(bytes) : bytes);
    await assert.rejects(openChecked(file), { kind: 'disk-unsupported', message });
    await assert.rejects(openChecked(file, { stated: 'raw' }), { kind: 'disk-unsupported', message });
    const report = await inspect(file);
    assert.equal(report.content, name);
    assert.equal(report.refused, true);
    assert.equal(report.format, undefined);
  }
});

test('detect: a LUKS volume is encrypted, in both versions', async () => {
  for (const version of [1, 2]) {
    const file = diskOf(0, Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, version));
    await assert.rejects(openChecked(file), { kind: 'disk-encrypted', where: { format: 'luks', offset: 0 } });
  }
});

test('detect: quoted text is escaped and cut', async () => {
  const file = memoryFile(text(`<html>\u001b[31m${'x'.repeat(500)}`));
  await assert.rejects(openChecked(file), (error: Error) => {
    assert.match(error.message, /"<html>\\x1b\[31mx+…"/);
    assert.ok(error.message.length < 300);
    return true;
  });
});

test('detect: an empty file is empty, whatever is stated', async () => {
  for (const stated of [undefined, 'raw', 'qcow2'] as const) {
    const options = stated ? { stated } : {};
    await assert.rejects(openChecked(memoryFile(new Uint8Array(0)), options), { kind: 'disk-empty' });
  }
  const report = await inspect(memoryFile(new Uint8Array(0)));
  assert.deepEqual([report.content, report.refused, report.fileSize], ['empty', true, 0]);
});

test('detect: nothing known is raw, also when it is shorter than a sector', async () => {
  await assertOpens(diskOf(1000, Uint8Array.of(1)), 'raw');
  await assertOpens(diskOf(1000, Uint8Array.of(1)), 'raw', 'raw');
  const small = await openChecked(memoryFile(Uint8Array.of(1, 2, 3)));
  assert.equal(small.virtualSize, 512);
  assert.equal(small.canonical, false);
});

test('detect: each magic is its format, and a broken header behind it is never raw', async () => {
  const magics: [FormatName, number, Uint8Array][] = [
    ['qcow2', 0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 9)],
    ['qcow', 0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 1)],
    ['qed', 0, Uint8Array.of(0x51, 0x45, 0x44, 0)],
    ['vhdx', 0, text('vhdxfile')],
    ['vhd', 0, text('conectix')],
    ['vhd', 256 * KiB - 512, text('conectix')],
    ['vdi', 64, Uint8Array.of(0x7f, 0x10, 0xda, 0xbe)],
    ['vmdk', 0, text('KDMV')],
    ['vmdk', 0, text('COWD')],
    ['vmdk', 0, Uint8Array.of(0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0)],
    ['zvhd', 0, text('stream\0\0')],
    ['zvhd2', 0, text('z2strm\0\0')],
  ];
  for (const [format, at, bytes] of magics) {
    const file = diskOf(at, bytes);
    const { disks } = await detect(file);
    assert.deepEqual(
      disks.map((d) => d.format),
      [format],
    );
    await assert.rejects(openChecked(file), { name: 'DiskError' }, `${format} is broken`);
    await assert.rejects(openChecked(file, { stated: 'raw' }), { kind: 'disk-mismatch' }, `${format} as raw`);
  }
});

test('detect: a VMDK descriptor is VMDK though its createType is far behind, and never followed', async () => {
  const head = text('# Disk DescriptorFile\nversion=1\n');
  const far = text('createType="monolithicFlat"\nRW 2048 FLAT "/etc/hostname" 0\n');
  const padding = text(' '.repeat(100 * KiB));
  const file = memoryFile(Uint8Array.from([...head, ...padding, ...far]));
  assert.deepEqual((await detect(file)).disks, [{ format: 'vmdk', offset: 0 }]);
  await assert.rejects(openChecked(file), { name: 'DiskError' });
});

test('H12: two formats in one file are ambiguous, and both places are named', async () => {
  // A QCOW2 with the VDI magic within the offset of its snapshot table: programs disagree.
  const { file } = buildQcow2();
  file.put(64, Uint8Array.of(0x7f, 0x10, 0xda, 0xbe));
  await assert.rejects(openChecked(file), {
    kind: 'disk-ambiguous',
    message: /qcow2 at byte 0 and vdi at byte 64.*state the format/,
  });
  await assertOpens(file, 'qcow2', 'qcow2');
  await assert.rejects(openChecked(file, { stated: 'raw' }), { kind: 'disk-ambiguous' });
});

test('H12: a QCOW2 with a VHD footer behind it is ambiguous', async () => {
  const { file } = buildQcow2();
  file.put(file.size, vhdFooter(1024));
  await assert.rejects(openChecked(file), {
    kind: 'disk-ambiguous',
    message: /qcow2 at byte 0 and vhd at byte/,
  });
});

test('H12: a boot sector in front of a QCOW2 header does not make it raw', async () => {
  await assert.rejects(openChecked(withMbr(buildQcow2().file), { stated: 'raw' }), {
    kind: 'disk-mismatch',
    where: { format: 'qcow2', offset: 0, value: 'raw' },
    message: /stated raw, content is qcow2.*state qcow2/,
  });
});

test('H12: a QCOW2 in the first 32 KiB of an optical disc is ambiguous; a boot sector there is not', async () => {
  const file = isoFile();
  await assertOpens(withMbr(file), 'iso');
  await assertOpens(file, 'raw', 'raw');
  file.put(0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3));
  await assert.rejects(openChecked(file), { kind: 'disk-ambiguous' });
});

test('stated: a format that the content does not show is a mismatch', async () => {
  await assert.rejects(openChecked(diskOf(0, Uint8Array.of(1)), { stated: 'vmdk' }), {
    kind: 'disk-mismatch',
    message: /stated vmdk, content is raw/,
  });
  await assert.rejects(openChecked(buildQcow2().file, { stated: 'qed' }), { kind: 'disk-mismatch' });
  await assertOpens(buildQcow2().file, 'qcow2', 'qcow2');
});

test('H13: a footer that fits is a fixed VHD; one that does not fit gives way to a stated raw', async () => {
  const data = 256 * KiB;
  const fitting = withMbr(new SparseMemory(data)).put(data, vhdFooter(data));
  await assertOpens(fitting, 'vhd');
  await assert.rejects(openChecked(fitting, { stated: 'raw' }), { kind: 'disk-mismatch' });
  const nested = withMbr(new SparseMemory(data)).put(data, vhdFooter(64 * KiB));
  await assertOpens(nested, 'raw', 'raw');
});

test('iso: the volume must lie in the file; its label is shown', async () => {
  const disk = await openChecked(isoFile());
  assert.equal(disk.facts.details['volume'], 'TEST VOLUME');
  await assert.rejects(openChecked(isoFile(1000)), {
    kind: 'disk-truncated',
    where: { format: 'iso', field: 'volume space size', offset: 32_848, value: 2_048_000 },
  });
});

test('inspect: a refused file still shows its facts and all findings', async () => {
  const { file } = buildQcow2();
  file.put(8, u64(0x200)).put(16, u32(11)).put(0x200, text('/etc/passwd')).put(32, u32(1));
  const report = await inspect(file);
  assert.equal(report.refused, true);
  assert.equal(report.virtualSize, 24_117_760);
  assert.equal(report.facts?.backing, '/etc/passwd');
  assert.equal(report.facts?.encryption, 'aes');
  const refused = report.findings
    .filter((f) => f.level === 'refused')
    .map((f) => [f.check, f.kind, f.offset]);
  assert.deepEqual(refused, [
    ['backing-file', 'disk-unsafe', 8],
    ['encryption', 'disk-encrypted', 32],
  ]);
});

test('inspect: the scan adds what is allocated, and its refusal is a finding', async () => {
  const entries = new Map([[0, storedEntry(0x50000)]]);
  const { file, l2Offset } = buildQcow2({ dataClusters: 1, entries });
  const report = await inspect(file, { scan: true });
  assert.equal(report.allocatedBytes, 65_536);
  assert.equal(report.facts?.compression, 'none');
  assert.equal(report.canonical, true);
  file.put(l2Offset + 8, Uint8Array.of(0x80, 0, 0, 0, 0, 5, 0, 0));
  const broken = await inspect(file, { scan: true });
  assert.equal(broken.refused, true);
  assert.equal(broken.findings.at(-1)?.kind, 'disk-corrupt');
});

test('inspect: reads at most 1 MiB of a large file before the verdict', async () => {
  const inner = new SparseMemory(8 * 1024 ** 4);
  let read = 0;
  const file: RandomAccess = {
    size: inner.size,
    read: (offset, target) => {
      read += target.length;
      return inner.read(offset, target);
    },
  };
  await openChecked(withMbr(inner) && file);
  assert.ok(read <= 1024 * KiB, `${read} bytes`);
});
