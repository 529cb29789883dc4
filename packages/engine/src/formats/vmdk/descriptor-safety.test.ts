import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../../access/memory-file.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { openChecked } from '../../inspect/inspect.ts';
import { assertRefused } from '../testing.ts';
import { vmdk } from './driver.ts';
import { buildSparse, descriptorText, type VmdkShape } from './testing.ts';

interface Recipe {
  readonly title: string;
  readonly shape: VmdkShape;
  readonly expect: { kind: DiskErrorKind; field: string; offset: number; message?: RegExp };
}

/** Where a line of the embedded descriptor starts. */
const lineAt = (shape: VmdkShape, start: string): number => 512 + descriptorText(shape).indexOf(start);

const extents = (line: string): VmdkShape => ({
  descriptor: `# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\n${line}\n`,
});
const more = (line: string): VmdkShape => ({ more: line });

const recipes: readonly Recipe[] = [
  {
    title: 'one part of a split disk, whose descriptor is empty as qemu writes it, is refused',
    shape: { descriptor: '' },
    expect: { kind: 'disk-unsafe', field: 'descriptor', offset: 512, message: /split/ },
  },
  {
    title: 'H30: a header and an extent line of different sizes are ambiguous',
    shape: extents('RW 47104 SPARSE "disk.vmdk"'),
    expect: {
      kind: 'disk-ambiguous',
      field: 'extent',
      offset: lineAt(extents('RW'), 'RW'),
      message: /47105.*47104/,
    },
  },
  {
    title: 'H20: a second extent is refused',
    shape: more('RW 100 SPARSE "other.vmdk"'),
    expect: { kind: 'disk-unsafe', field: 'extent', offset: lineAt(more('RW 100'), 'RW 100') },
  },
  {
    title: 'a descriptor without an extent is refused',
    shape: extents(''),
    expect: { kind: 'disk-corrupt', field: 'descriptor', offset: 512 },
  },
  ...['FLAT', 'ZERO', 'VMFS', 'VMFSSPARSE', 'VMFSRDM', 'VMFSRAW', 'SESPARSE'].map((type): Recipe => ({
    title: `H20: a ${type} extent is refused`,
    shape: extents(`RW 47105 ${type} "disk.vmdk"`),
    expect: { kind: 'disk-unsafe', field: 'extent', offset: lineAt(extents('RW'), 'RW') },
  })),
  ...['/etc/passwd', '..\\d.vmdk', 'C:d.vmdk', 'nbd:host', '..', 'a\x01b', ''].map((name): Recipe => ({
    title: `H20: an extent named ${JSON.stringify(name)} is refused`,
    shape: extents(`RW 47105 SPARSE "${name}"`),
    expect: { kind: 'disk-unsafe', field: 'extent', offset: lineAt(extents('RW'), 'RW') },
  })),
  {
    title: 'an extent that may not be read is refused',
    shape: extents('NOACCESS 47105 SPARSE "disk.vmdk"'),
    expect: { kind: 'disk-unsupported', field: 'extent', offset: lineAt(extents('NOACCESS'), 'NOACCESS') },
  },
  {
    title: 'a sparse extent with an offset is refused',
    shape: extents('RW 47105 SPARSE "disk.vmdk" 128'),
    expect: { kind: 'disk-corrupt', field: 'extent', offset: lineAt(extents('RW'), 'RW') },
  },
  {
    title: 'H20: an embedded descriptor of a disk of several files is refused',
    shape: { createType: 'twoGbMaxExtentSparse' },
    expect: { kind: 'disk-unsafe', field: 'createType', offset: lineAt({}, 'createType') },
  },
  {
    title: 'a descriptor without createType is refused',
    shape: { descriptor: 'version=1\nRW 47105 SPARSE "disk.vmdk"\n' },
    expect: { kind: 'disk-corrupt', field: 'descriptor', offset: 512 },
  },
  {
    title: 'H21: a parentCID is refused',
    shape: { descriptor: descriptorText().replace('parentCID=ffffffff', 'parentCID=7de0063a') },
    expect: {
      kind: 'disk-unsafe',
      field: 'parentCID',
      offset: lineAt({}, 'parentCID'),
      message: /consolidate/,
    },
  },
  {
    title: 'H21: a parent’s name is refused, and not opened',
    shape: more('parentFileNameHint="../base.vmdk"'),
    expect: {
      kind: 'disk-unsafe',
      field: 'parentFileNameHint',
      offset: lineAt(more('parentFileNameHint'), 'parentFileNameHint'),
      message: /base\.vmdk/,
    },
  },
  {
    title: 'H23: an encrypted disk is refused',
    shape: more('encryption.keySafe = "vmware:key/list/x"'),
    expect: { kind: 'disk-encrypted', field: 'descriptor', offset: lineAt(more('encryption'), 'encryption') },
  },
  {
    title: 'a descriptor with a line that is nothing known is refused',
    shape: more('nonsense'),
    expect: { kind: 'disk-corrupt', field: 'descriptor', offset: lineAt(more('nonsense'), 'nonsense') },
  },
];

for (const { title, shape, expect } of recipes) {
  test(`vmdk ${title}`, async () => {
    await assertRefused(vmdk, buildSparse(shape).file, expect);
  });
}

const lone: readonly [title: string, text: string, kind: DiskErrorKind, field: string, line: string][] = [
  [
    'monolithicFlat',
    'version=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/hostname" 0\n',
    'disk-unsafe',
    'extent',
    'RW',
  ],
  [
    'two sparse extents',
    'version=1\ncreateType="twoGbMaxExtentSparse"\nRW 4192256 SPARSE "d-s001.vmdk"\n',
    'disk-unsafe',
    'extent',
    'RW',
  ],
  [
    'a device',
    'version=1\ncreateType="fullDevice"\nRW 63 FLAT "/dev/sda" 0\n',
    'disk-unsafe',
    'extent',
    'RW',
  ],
  ['no extent', 'version=1\ncreateType="custom"\n', 'disk-unsafe', 'descriptor', 'version'],
  [
    'a parent',
    'version=1\ncreateType="vmfsSparse"\nparentCID=12345678\n',
    'disk-unsafe',
    'parentCID',
    'parentCID',
  ],
  [
    'encryption',
    'version=1\ncreateType="monolithicFlat"\nencryption.data="x"\n',
    'disk-encrypted',
    'descriptor',
    'encryption',
  ],
  [
    'a broken line',
    'version=1\ncreateType="monolithicFlat"\nbroken\n',
    'disk-corrupt',
    'descriptor',
    'broken',
  ],
];
for (const [title, text, kind, field, line] of lone) {
  test(`vmdk H20: a descriptor alone with ${title} is refused, and nothing is opened`, async () => {
    const file = memoryFile(new TextEncoder().encode(text));
    await assertRefused(vmdk, file, { kind, field, offset: text.indexOf(line) });
    await assert.rejects(openChecked(file), { kind });
  });
}

test('vmdk H12e: a raw disk whose first sector is a descriptor is no raw disk', async () => {
  const disk = new Uint8Array(65_536);
  disk.set(
    new TextEncoder().encode('version=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/hostname" 0\n'),
  );
  await assert.rejects(openChecked(memoryFile(disk)), { kind: 'disk-unsafe' });
});

test('vmdk H26: text of the descriptor is escaped in messages and facts', async () => {
  const { file } = buildSparse({
    more: 'ddb.adapterType="\x1b[31m"\n',
    descriptor: descriptorText().replace('"ide"', '"\x1b[31mide"'),
  });
  const disk = await vmdk.open(file, 'deny');
  assert.equal(disk.facts.details['adapterType'], '\\x1b[31mide');
});
