import { pageCache, type PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { u32be } from '../../bytes/integers.ts';
import type { Disk, DiskFacts, FileRange } from '../../disk/disk.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { readExtensions, type Qcow2Extensions } from './extensions.ts';
import { incompatible, MAGIC, readHeader, type Qcow2Header } from './header.ts';
import { qcow2Layout } from './layout.ts';
import { qcow2EntryOf, qcow2Extents, type Qcow2Map } from './map.ts';
import {
  checkSafety,
  checkTables,
  cipher,
  neededL1Entries,
  noteExtras,
  readBackingName,
  requireClusterSize,
} from './safety.ts';
import { readSnapshotNames } from './snapshots.ts';

/** QCOW2 versions 2 and 3. @see QEMU docs/interop/qcow2.rst */
export const qcow2: FormatDriver = {
  name: 'qcow2',
  /** Any version but 1 (which is `qcow`): an unknown one is this format, and refused. */
  matches: ({ head }) => head.length >= 8 && u32be(head, 0) === MAGIC && u32be(head, 4) !== 1,
  open: openQcow2,
  layout: qcow2Layout,
};

async function openQcow2(file: RandomAccess): Promise<Disk> {
  const cache = pageCache(file);
  const header = await readHeader(cache);
  const checks = new Checks('qcow2');
  const clusterSize = checks.attempt('cluster-size', () => requireClusterSize(header));
  const backing = await readBackingName(cache, header);
  const extensions =
    clusterSize === undefined
      ? undefined
      : await checks.attemptAsync('extensions', () => readExtensions(cache, header));
  checkSafety(checks, header, extensions, backing);
  const known = { facts: factsOf(header, extensions, backing), virtualSize: header.virtualSize };
  if (clusterSize === undefined) checks.throwIfRefused(known);

  const extendedL2 = (header.incompatible.low & incompatible.extendedL2) !== 0;
  const entryBytes = extendedL2 ? 16 : 8;
  checkTables(checks, file, header, entryBytes);
  const snapshots = await checks.attemptAsync('snapshot-table', () => readSnapshotNames(cache, header));
  noteExtras(checks, header, extensions);
  checks.throwIfRefused(known);
  return diskOf(file, cache, header, {
    checks,
    extendedL2,
    entryBytes,
    bitmaps: extensions?.bitmaps?.count ?? 0,
    facts: withSnapshots(known.facts, snapshots ?? []),
  });
}

function diskOf(
  file: RandomAccess,
  cache: PageCache,
  header: Qcow2Header,
  opened: { checks: Checks; extendedL2: boolean; entryBytes: number; facts: DiskFacts; bitmaps: number },
): Disk {
  const clusterSize = 2 ** header.clusterBits;
  const dirty = (header.incompatible.low & incompatible.dirty) !== 0;
  const map: Qcow2Map = {
    cache,
    file,
    version: header.version,
    virtualSize: header.virtualSize,
    clusterBits: header.clusterBits,
    clusterSize,
    extendedL2: opened.extendedL2,
    l1Offset: header.l1Offset,
    l1Entries: neededL1Entries(header, opened.entryBytes),
    refcountTable: dirty
      ? undefined
      : { offset: header.refcountTableOffset, length: header.refcountTableClusters * clusterSize },
    codec: header.compressionType === 1 ? { kind: 'zstd' } : { kind: 'deflate-raw' },
  };
  return {
    file,
    virtualSize: header.virtualSize,
    facts: opened.facts,
    findings: opened.checks.findings,
    metadata: metadataOf(header),
    canonical: !dirty && header.snapshotCount === 0,
    endAlignment: clusterSize,
    // Where snapshots and bitmaps keep theirs is not followed.
    tailInUse: dirty || header.snapshotCount > 0 || opened.bitmaps > 0,
    extents: (guestOffset, onTable) => qcow2Extents(map, guestOffset, onTable),
    entryOf: (guestOffset) => qcow2EntryOf(map, guestOffset),
  };
}

function metadataOf(header: Qcow2Header): FileRange[] {
  const clusterSize = 2 ** header.clusterBits;
  const ranges = [
    { name: 'header', offset: 0, length: clusterSize },
    { name: 'L1 table', offset: header.l1Offset, length: header.l1Entries * 8 },
    {
      name: 'refcount table',
      offset: header.refcountTableOffset,
      length: header.refcountTableClusters * clusterSize,
    },
  ];
  if (header.snapshotCount > 0) {
    ranges.push({
      name: 'snapshot table',
      offset: header.snapshotTableOffset,
      length: header.snapshotCount * 40,
    });
  }
  return ranges;
}

function factsOf(
  header: Qcow2Header,
  extensions: Qcow2Extensions | undefined,
  backing: string | undefined,
): DiskFacts {
  const encryption = cipher(header);
  return {
    format: 'qcow2',
    subformat: `v${header.version}`,
    ...(header.clusterBits <= 21 && { unitSize: 2 ** header.clusterBits }),
    compression: header.compressionType === 1 ? 'zstd' : 'zlib',
    ...(encryption !== undefined && { encryption }),
    ...(backing !== undefined && { backing }),
    details: {
      refcountBits: 2 ** Math.min(header.refcountOrder, 6),
      extendedL2: (header.incompatible.low & incompatible.extendedL2) !== 0,
      lazyRefcounts: (header.compatible.low & 1) !== 0,
      dirty: (header.incompatible.low & incompatible.dirty) !== 0,
      snapshots: header.snapshotCount,
      bitmaps: extensions?.bitmaps?.count ?? 0,
      ...(extensions?.backingFormat !== undefined && { backingFormat: extensions.backingFormat }),
      ...(extensions?.dataFile !== undefined && { dataFile: extensions.dataFile.name }),
    },
  };
}

const withSnapshots = (facts: DiskFacts, names: readonly string[]): DiskFacts =>
  names.length === 0
    ? facts
    : { ...facts, details: { ...facts.details, snapshotNames: names.map((name) => `"${name}"`).join(', ') } };
