import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SparseMemory } from '../../access/sparse-memory.ts';
import { scanDisk } from '../../disk/scan.ts';
import type { DiskErrorKind } from '../../errors.ts';
import { assertRefused } from '../testing.ts';
import { qcow2 } from './driver.ts';
import { buildQcow2, entry, packedEntry, storedEntry, u32, u64, type Qcow2Shape } from './testing.ts';

const MiB = 1024 * 1024;
/** One stored cluster at guest 0, one at guest cluster 1. */
const twoClusters: Qcow2Shape = {
  dataClusters: 2,
  entries: new Map([
    [0, storedEntry(0x50000)],
    [1, storedEntry(0x60000)],
  ]),
};

interface Recipe {
  readonly title: string;
  readonly shape?: Qcow2Shape;
  /** Bytes put over the built file, by offset. */
  readonly poke: readonly [at: number, bytes: Uint8Array | readonly number[]][];
  readonly expect: { kind: DiskErrorKind; field: string; offset: number; message?: RegExp };
}

const recipes: readonly Recipe[] = [
  {
    title: 'H1: a virtual size of 2^63 is no number',
    poke: [[24, [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0]]],
    expect: { kind: 'disk-corrupt', field: 'size', offset: 24 },
  },
  {
    title: 'H1: an L2 entry with offset bits 53 to 55 is no offset',
    poke: [[0x40000, [0x80, 0xe0, 0, 0, 0, 0, 0, 0]]],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'H1: cluster_bits 31 is refused before anything is computed from it',
    poke: [[20, u32(31)]],
    expect: { kind: 'disk-corrupt', field: 'cluster_bits', offset: 20 },
  },
  {
    title: 'H3: an L1 table behind the end of the file is refused',
    poke: [[40, u64(0x1_0000_0000)]],
    expect: { kind: 'disk-truncated', field: 'l1_table_offset', offset: 40, message: /cut short/ },
  },
  {
    title: 'H3: an L2 table behind the end of the file is refused',
    poke: [[0x30000, entry(0x1_0000_0000)]],
    expect: { kind: 'disk-truncated', field: 'l1_entry', offset: 0x30000 },
  },
  {
    title: 'H3: data behind the end of the file are refused, not read as zeros',
    poke: [[0x40008, entry(0x1_0000_0000)]],
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: 0x40008 },
  },
  {
    title: 'H3: a refcount table behind the end of the file is refused',
    poke: [[48, u64(0x1_0000_0000)]],
    expect: { kind: 'disk-truncated', field: 'refcount_table_offset', offset: 48 },
  },
  {
    title: 'H4: 2^32 − 1 L1 entries are refused before memory is taken',
    poke: [[36, u32(0xffff_ffff)]],
    expect: { kind: 'disk-truncated', field: 'l1_size', offset: 36 },
  },
  {
    title: 'H4: 2^32 − 1 refcount table clusters are refused',
    poke: [[56, u32(0xffff_ffff)]],
    expect: { kind: 'disk-truncated', field: 'refcount_table_clusters', offset: 56 },
  },
  {
    title: 'H4: more snapshots than the limit are refused',
    poke: [[60, u32(65_537)]],
    expect: { kind: 'disk-too-large', field: 'nb_snapshots', offset: 60 },
  },
  {
    title: 'H4: a snapshot with a MiB of extra data is refused at that field',
    poke: [
      [60, u32(1)],
      [64, u64(0x50000)],
      [0x50000 + 36, u32(MiB)],
    ],
    expect: { kind: 'disk-corrupt', field: 'extra_data_size', offset: 0x50000 + 36 },
  },
  {
    title: 'H5: a virtual size above the cap is refused',
    poke: [[24, u64(64 * 1024 ** 4 + 512)]],
    expect: { kind: 'disk-too-large', field: 'size', offset: 24 },
  },
  {
    title: 'a disk without a size is refused',
    poke: [[24, u64(0)]],
    expect: { kind: 'disk-corrupt', field: 'size', offset: 24 },
  },
  {
    title: 'H30: a virtual size of no whole sectors is refused, as readers disagree about its end',
    poke: [[24, u64(24_117_761)]],
    expect: { kind: 'disk-corrupt', field: 'size', offset: 24 },
  },
  {
    title: 'fewer L1 entries than the size needs are refused',
    poke: [[24, u64(600 * MiB)]],
    expect: { kind: 'disk-corrupt', field: 'l1_size', offset: 36 },
  },
  {
    title: 'H7: two guest clusters on one compressed cluster are refused',
    shape: {
      dataClusters: 2,
      entries: new Map([
        [0, packedEntry(16, 0x50000, 4096)],
        [5, packedEntry(16, 0x50000, 4096)],
      ]),
    },
    poke: [],
    expect: {
      kind: 'disk-corrupt',
      field: 'l2_entry',
      offset: 0x40028,
      message: /guest bytes 0 and 327680 share file byte 327680/,
    },
  },
  {
    title: 'H8: an L1 entry that names the L1 table is refused',
    poke: [[0x30000, entry(0x30000)]],
    expect: { kind: 'disk-corrupt', field: 'l1_entry', offset: 0x30000, message: /lies in the L1 table/ },
  },
  {
    title: 'H8: an L2 table that names itself as data is refused',
    poke: [[0x40008, entry(0x40000)]],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40008, message: /lies in the L2 table/ },
  },
  {
    title: 'H8: data in the header are refused, as they show the guest what is not its own',
    // Offset 0 means "none", so the recipe names the cluster of the refcount table.
    poke: [[0x40008, entry(0x10000)]],
    expect: {
      kind: 'disk-corrupt',
      field: 'l2_entry',
      offset: 0x40008,
      message: /lies in the refcount table/,
    },
  },
  {
    title: 'H8: an absent cluster that is marked as not shared hides no neighbour',
    shape: {
      entries: new Map([
        [0, [0x8000_0000, 0]],
        [1, storedEntry(0x10000)],
      ]),
    },
    poke: [],
    expect: {
      kind: 'disk-corrupt',
      field: 'l2_entry',
      offset: 0x40008,
      message: /lies in the refcount table/,
    },
  },
  {
    title: 'H8: data in a refcount block are refused',
    poke: [[0x40008, entry(0x20000)]],
    expect: {
      kind: 'disk-corrupt',
      field: 'l2_entry',
      offset: 0x40008,
      message: /lies in the refcount block/,
    },
  },
  {
    title: 'H8: a compressed cluster in the header is refused',
    shape: { dataClusters: 1, entries: new Map([[0, packedEntry(16, 16, 400)]]) },
    poke: [],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000, message: /lies in the header/ },
  },
  {
    title: 'H8: an L1 table within the refcount table is refused',
    poke: [
      [40, u64(0x10000)],
      [0x10000, new Uint8Array(8)],
    ],
    expect: { kind: 'disk-corrupt', field: 'refcount table', offset: 0x10000 },
  },
  {
    title: 'H10: two guest clusters on one cluster are refused with both guest offsets',
    poke: [[0x40008, entry(0x50000)]],
    expect: {
      kind: 'disk-corrupt',
      field: 'l2_entry',
      offset: 0x40008,
      message: /guest bytes 0 and 65536 share file byte 327680/,
    },
  },
  {
    title: 'H17: an L1 table that is not on a cluster is refused',
    poke: [[40, u64(0x30200)]],
    expect: { kind: 'disk-corrupt', field: 'l1_table_offset', offset: 40 },
  },
  {
    title: 'H17: an L2 table that is not on a cluster is refused',
    poke: [[0x30000, entry(0x40200)]],
    expect: { kind: 'disk-corrupt', field: 'l1_entry', offset: 0x30000 },
  },
  {
    title: 'H17: a data cluster that is not on a cluster is refused',
    poke: [[0x40008, entry(0x50200)]],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40008 },
  },
  {
    title: 'H17: a refcount table that is not on a cluster is refused',
    poke: [[48, u64(0x10200)]],
    expect: { kind: 'disk-corrupt', field: 'refcount_table_offset', offset: 48 },
  },
  {
    title: 'H18: a backing file is refused, and its name shown escaped',
    poke: [
      [8, u64(0x200)],
      [16, u32(11)],
      [0x200, new TextEncoder().encode('/etc/\u001b[31mx')],
    ],
    expect: { kind: 'disk-unsafe', field: 'backing_file_offset', offset: 8, message: /"\/etc\/\\x1b\[31mx"/ },
  },
  {
    title: 'H18: a backing file without a name is refused',
    poke: [[8, u64(0x200)]],
    expect: { kind: 'disk-unsafe', field: 'backing_file_offset', offset: 8 },
  },
  {
    title: 'H18: a backing file name of 1024 bytes is corrupt',
    poke: [
      [8, u64(0x200)],
      [16, u32(1024)],
    ],
    expect: { kind: 'disk-corrupt', field: 'backing_file_size', offset: 16 },
  },
  {
    title: 'H19: an external data file is refused',
    poke: [[79, [0x04]]],
    expect: { kind: 'disk-unsafe', field: 'incompatible_features', offset: 79 },
  },
  {
    title: 'H23: AES encryption is refused',
    poke: [[32, u32(1)]],
    expect: { kind: 'disk-encrypted', field: 'crypt_method', offset: 32, message: /aes/ },
  },
  {
    title: 'H23: LUKS encryption is refused',
    poke: [[32, u32(2)]],
    expect: { kind: 'disk-encrypted', field: 'crypt_method', offset: 32, message: /luks/ },
  },
  {
    title: 'H23: an encryption header without a method is refused',
    poke: [[112, [0x05, 0x37, 0xbe, 0x77, 0, 0, 0, 16]]],
    expect: { kind: 'disk-encrypted', field: 'encryption_header', offset: 120 },
  },
  {
    title: 'H24: a file that is marked corrupt is refused',
    poke: [[79, [0x02]]],
    expect: { kind: 'disk-corrupt', field: 'incompatible_features', offset: 79 },
  },
  {
    title: 'H25: an unknown incompatible feature is refused by its bit',
    poke: [[79, [0x20]]],
    expect: { kind: 'disk-unsupported', field: 'incompatible_features', offset: 72, message: /bit 5/ },
  },
  {
    title: 'H25: a version that is neither 2 nor 3 is refused',
    poke: [[4, u32(4)]],
    expect: { kind: 'disk-unsupported', field: 'version', offset: 4 },
  },
  {
    title: 'an unknown compression type is refused',
    poke: [
      [79, [0x08]],
      [104, [2]],
    ],
    expect: { kind: 'disk-unsupported', field: 'compression_type', offset: 104 },
  },
  {
    title: 'a compression type without its feature bit is refused',
    poke: [[104, [1]]],
    expect: { kind: 'disk-corrupt', field: 'compression_type', offset: 104 },
  },
  {
    title: 'H9: a header extension that runs past the header cluster is refused',
    poke: [[112, [0x12, 0x34, 0x56, 0x78, 0xff, 0xff, 0xff, 0xf8]]],
    expect: { kind: 'disk-corrupt', field: 'extension_length', offset: 116 },
  },
  {
    title: 'H9: a chain of empty header extensions ends at the limit',
    poke: [[112, new Uint8Array(4096).fill(1).map((_, i) => (i % 8 < 4 ? 1 : 0))]],
    expect: { kind: 'disk-corrupt', field: 'extension_type', offset: 112 + 256 * 8 },
  },
  {
    title: 'a header length that is no multiple of 8 is refused',
    poke: [[100, u32(105)]],
    expect: { kind: 'disk-corrupt', field: 'header_length', offset: 100 },
  },
  {
    title: 'a refcount order above 6 is refused',
    poke: [[96, u32(7)]],
    expect: { kind: 'disk-corrupt', field: 'refcount_order', offset: 96 },
  },
  {
    title: 'a zero bit in a version 2 file is refused',
    shape: { version: 2, dataClusters: 1 },
    poke: [[0x40007, [1]]],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'a compressed cluster that is marked as not shared is refused',
    shape: { dataClusters: 1, entries: new Map([[0, [0xc000_0000, 0x50000]]]) },
    poke: [],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'H32: a compressed cluster that starts behind the end is refused',
    shape: { dataClusters: 1, entries: new Map([[0, packedEntry(16, 0x60000, 100)]]) },
    poke: [],
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'H32: a compressed cluster cut by a sector or more is refused',
    shape: { dataClusters: 1, entries: new Map([[0, packedEntry(16, 0x5fe00, 1024)]]) },
    poke: [],
    expect: { kind: 'disk-truncated', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'extended L2: a subcluster that is both allocated and zero is refused',
    shape: { extendedL2: true, dataClusters: 1, entries: new Map([[0, [...storedEntry(0x50000), 4, 4]]]) },
    poke: [],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'extended L2: allocated subclusters without a cluster are refused',
    shape: { extendedL2: true, dataClusters: 1, entries: new Map([[0, [0, 0, 0, 1]]]) },
    poke: [],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'extended L2: bit 0 of an entry is refused',
    shape: { extendedL2: true, dataClusters: 1, entries: new Map([[0, [0x8000_0000, 0x50001, 0, 1]]]) },
    poke: [],
    expect: { kind: 'disk-corrupt', field: 'l2_entry', offset: 0x40000 },
  },
  {
    title: 'extended L2: clusters below 16 KiB are refused',
    shape: { extendedL2: true },
    poke: [[20, u32(13)]],
    expect: { kind: 'disk-corrupt', field: 'cluster_bits', offset: 20 },
  },
];

for (const { title, shape, poke, expect } of recipes) {
  test(`qcow2: ${title}`, async () => {
    const { file } = buildQcow2(shape ?? twoClusters);
    for (const [at, bytes] of poke) file.put(at, Uint8Array.from(bytes));
    await assertRefused(qcow2, file, expect);
  });
}

test('qcow2: H16: a file cut at 60 % is refused, not filled up with zeros', async () => {
  const entries = new Map(
    Array.from({ length: 20 }, (_, i) => [i, storedEntry(0x50000 + i * 0x10000)] as const),
  );
  const { file } = buildQcow2({ dataClusters: 20, entries });
  await file.truncate(Math.floor((file.size * 0.6) / 512) * 512);
  await assert.rejects(scanDisk(await qcow2.open(file, 'deny')), { kind: 'disk-truncated' });
});

test('qcow2: a file without a whole header is truncated', async () => {
  const head = new SparseMemory();
  head.put(0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3, 0));
  await assertRefused(qcow2, head, { kind: 'disk-truncated', field: 'header', offset: 0 });
});

test('qcow2: all safety checks run, though the first already refuses', async () => {
  const { file } = buildQcow2(twoClusters);
  file.put(8, u64(0x200)).put(16, u32(3)).put(0x200, new TextEncoder().encode('abc'));
  file.put(32, u32(1)).put(79, Uint8Array.of(0x22));
  await assert.rejects(qcow2.open(file, 'deny'), (error: unknown) => {
    const { evidence } = error as { evidence: { findings: { check: string; level: string }[] } };
    const refused = evidence.findings.filter((f) => f.level === 'refused').map((f) => f.check);
    assert.deepEqual(refused, ['backing-file', 'encryption', 'corrupt-mark', 'features']);
    return true;
  });
});

test('qcow2: H6, H7: 262144 entries on one small compressed cluster cost no time', async () => {
  // 512 GiB of guest disk in a file of 12 MiB, all of it one 2 KiB run of deflate.
  const clusterBits = 21;
  const { file, l2Offset, dataOffset } = buildQcow2({
    clusterBits,
    virtualSize: 512 * 1024 ** 3,
    dataClusters: 1,
  });
  const [high, low] = packedEntry(clusterBits, dataOffset, 2049);
  const table = new Uint8Array(262_144 * 8);
  const view = new DataView(table.buffer);
  for (let i = 0; i < 262_144; i++) {
    view.setUint32(i * 8, high);
    view.setUint32(i * 8 + 4, low);
  }
  file.put(l2Offset, table);
  await assertRefused(qcow2, file, { kind: 'disk-corrupt', field: 'l2_entry', offset: l2Offset + 8 });
});
