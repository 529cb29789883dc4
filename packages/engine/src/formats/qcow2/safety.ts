import type { PageCache } from '../../access/page-cache.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { ceilDiv, fits, isAligned } from '../../bytes/align.ts';
import { shownText } from '../../bytes/text.ts';
import { limits } from '../../limits.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import type { Checks } from '../checks.ts';
import type { Qcow2Extensions } from './extensions.ts';
import { incompatible, type Qcow2Header } from './header.ts';

const FLATTEN = 'flatten it: qemu-img convert -O qcow2 child.qcow2 flat.qcow2';

/** The escaped name of the backing file, or `undefined` where none is named. */
export async function readBackingName(cache: PageCache, header: Qcow2Header): Promise<string | undefined> {
  const { backingOffset: offset, backingLength: length } = header;
  if (offset === 0) return undefined;
  if (length > 1023 || !fits(offset, length, cache.size)) return '';
  return shownText(await readBytes(cache, offset, length));
}

/** Sizes that all else is computed from. @throws {DiskError} as nothing can be said without them */
export function requireClusterSize(header: Qcow2Header): number {
  const { clusterBits, fields, headerLength } = header;
  const least = header.version === 3 && (header.incompatible.low & incompatible.extendedL2) !== 0 ? 14 : 9;
  if (clusterBits < least || clusterBits > 21) {
    const fact = `cluster_bits ${clusterBits} is outside ${least}…21`;
    throw fields.error('disk-corrupt', 20, 'cluster_bits', fact, { value: clusterBits });
  }
  const clusterSize = 2 ** clusterBits;
  if (header.version === 3 && (headerLength < 104 || headerLength > clusterSize || headerLength % 8 !== 0)) {
    const fact = `a header length of ${headerLength} is not a multiple of 8 within 104…${clusterSize}`;
    throw fields.error('disk-corrupt', 100, 'header_length', fact, { value: headerLength });
  }
  return clusterSize;
}

/** References to other things, encryption, features: what this file could make a reader do. */
export function checkSafety(
  checks: Checks,
  header: Qcow2Header,
  extensions: Qcow2Extensions | undefined,
  backing: string | undefined,
): void {
  checkBacking(checks, header, backing);
  checkDataFile(checks, header, extensions);
  checkEncryption(checks, header, extensions);
  checkFeatures(checks, header, extensions);
  checkCompression(checks, header);
}

function checkBacking(checks: Checks, header: Qcow2Header, backing: string | undefined): void {
  if (backing === undefined) {
    checks.passed('backing-file', 'no backing file');
    return;
  }
  if (header.backingLength > 1023) {
    const fact = `a backing file name of ${header.backingLength} bytes, the limit is 1023`;
    const where = { field: 'backing_file_size', offset: 16, value: header.backingLength };
    checks.refused('backing-file', 'disk-corrupt', fact, where);
    return;
  }
  const where = { field: 'backing_file_offset', offset: 8, value: header.backingOffset };
  checks.refused('backing-file', 'disk-unsafe', `needs the backing file "${cut(backing)}"`, where, FLATTEN);
}

/** Room for the name within a message of 300 characters that keeps its way out. */
const cut = (name: string): string => (name.length > 120 ? `${name.slice(0, 120)}…` : name);

function checkDataFile(checks: Checks, header: Qcow2Header, extensions: Qcow2Extensions | undefined): void {
  const named = extensions?.dataFile;
  if ((header.incompatible.low & incompatible.dataFile) !== 0) {
    const name = named ? ` "${cut(named.name)}"` : '';
    const where = { field: 'incompatible_features', offset: 79, value: 'bit 2' };
    checks.refused('data-file', 'disk-unsafe', `its data are in another file${name}`, where, FLATTEN);
  } else if (named) {
    const fact = `names the data file "${cut(named.name)}" but does not use one`;
    checks.noted('data-file', fact, { field: 'data_file_name', offset: named.offset });
  } else {
    checks.passed('data-file', 'no external data file');
  }
}

function checkEncryption(checks: Checks, header: Qcow2Header, extensions: Qcow2Extensions | undefined): void {
  const wayOut = 'decrypt it with qemu-img convert and its secret';
  if (header.cryptMethod !== 0) {
    const where = { field: 'crypt_method', offset: 32, value: header.cryptMethod };
    checks.refused('encryption', 'disk-encrypted', `encrypted with ${cipher(header)}`, where, wayOut);
  } else if (extensions?.encryption) {
    const where = { field: 'encryption_header', offset: extensions.encryption.offset };
    checks.refused('encryption', 'disk-encrypted', 'has an encryption header', where, wayOut);
  } else {
    checks.passed('encryption', 'not encrypted');
  }
}

/** The encryption's name; `undefined` when there is none. */
export function cipher(header: Qcow2Header): string | undefined {
  if (header.cryptMethod === 0) return undefined;
  return ['aes', 'luks'][header.cryptMethod - 1] ?? `method ${header.cryptMethod}`;
}

function checkFeatures(checks: Checks, header: Qcow2Header, extensions: Qcow2Extensions | undefined): void {
  const { high, low } = header.incompatible;
  if ((low & incompatible.corrupt) !== 0) {
    const where = { field: 'incompatible_features', offset: 79, value: 'bit 1' };
    checks.refused(
      'corrupt-mark',
      'disk-corrupt',
      'is marked corrupt',
      where,
      'repair it with qemu-img check -r all',
    );
  } else {
    checks.passed('corrupt-mark', 'not marked corrupt');
  }
  if ((low & incompatible.dirty) !== 0) {
    const where = { field: 'incompatible_features', offset: 79, value: 'bit 0' };
    checks.noted('dirty-mark', 'was not closed: refcounts are stale, the mapping is read', where);
  } else {
    checks.passed('dirty-mark', 'closed in order');
  }
  const unknown = [...bits(low & ~31, 0), ...bits(high, 32)];
  if (unknown.length > 0) {
    const named = unknown.map((bit) => extensions?.featureNames.get(bit) ?? `bit ${bit}`).slice(0, 4);
    const where = { field: 'incompatible_features', offset: 72, value: header.fields.hex(72, 8) };
    const fact = `needs features unknown here: ${cut(named.join(', '))}`;
    checks.refused('features', 'disk-unsupported', fact, where, 'convert it with the program that made it');
  } else {
    checks.passed('features', 'no unknown incompatible feature');
  }
  const optional = [...bits(header.compatible.low & ~1, 0), ...bits(header.compatible.high, 32)];
  if (optional.length > 0) {
    const where = { field: 'compatible_features', offset: 80, value: header.fields.hex(80, 8) };
    checks.noted('optional-features', 'has compatible features unknown here, which are ignored', where);
  }
  const cleared = [...bits(header.autoclear.low & ~3, 0), ...bits(header.autoclear.high, 32)];
  if (cleared.length > 0) {
    const where = { field: 'autoclear_features', offset: 88, value: header.fields.hex(88, 8) };
    checks.noted('autoclear-features', 'has autoclear features unknown here, which are ignored', where);
  }
}

function bits(half: number, first: number): number[] {
  return Array.from({ length: 32 }, (_, i) => i)
    .filter((i) => ((half >>> i) & 1) === 1)
    .map((i) => first + i);
}

function checkCompression(checks: Checks, header: Qcow2Header): void {
  const flagged = (header.incompatible.low & incompatible.compressionType) !== 0;
  const where = { field: 'compression_type', offset: 104, value: header.compressionType };
  if (header.compressionType > 1) {
    const fact = `compression type ${header.compressionType} is neither zlib (0) nor zstd (1)`;
    checks.refused('compression', 'disk-unsupported', fact, where);
  } else if (flagged !== (header.compressionType !== 0)) {
    const fact = `compression type ${header.compressionType} and feature bit 3 (${flagged ? 'set' : 'clear'}) disagree`;
    checks.refused('compression', 'disk-corrupt', fact, where);
  } else {
    checks.passed('compression', `compression type ${header.compressionType === 0 ? 'zlib' : 'zstd'}`);
  }
}

/** Snapshots and bitmaps are listed and left behind. */
export function noteExtras(
  checks: Checks,
  header: Qcow2Header,
  extensions: Qcow2Extensions | undefined,
): void {
  if (header.snapshotCount > 0) {
    const where = { field: 'nb_snapshots', offset: 60, value: header.snapshotCount };
    checks.noted('snapshots', `${header.snapshotCount} snapshots are not kept`, where);
  } else {
    checks.passed('snapshots', 'no internal snapshot');
  }
  const bitmaps = extensions?.bitmaps;
  if (bitmaps && bitmaps.count > 0) {
    const where = { field: 'nb_bitmaps', offset: bitmaps.offset, value: bitmaps.count };
    checks.noted('bitmaps', `${bitmaps.count} bitmaps are not kept`, where);
  }
}

/** Do size and tables agree, lie on clusters and in the file? Nothing is allocated for them. */
export function checkTables(
  checks: Checks,
  file: { size: number },
  header: Qcow2Header,
  entryBytes: number,
): void {
  checks.attempt('virtual-size', () =>
    checkVirtualSize(header.virtualSize, { format: 'qcow2', field: 'size', offset: 24 }),
  );
  checks.attempt('l1-table', () => requireL1(file, header, entryBytes));
  checks.attempt('refcount-table', () => requireRefcountTable(file, header));
  if (!checks.findings.some((f) => f.level === 'refused')) {
    checks.passed('tables', 'size and tables agree and lie in the file');
  }
}

/** L1 entries that the virtual size needs. */
export const neededL1Entries = (header: Qcow2Header, entryBytes: number): number => {
  const clusterSize = 2 ** header.clusterBits;
  return ceilDiv(header.virtualSize, clusterSize * (clusterSize / entryBytes));
};

function requireL1(file: { size: number }, header: Qcow2Header, entryBytes: number): void {
  const { fields, l1Entries, l1Offset } = header;
  if (!isAligned(l1Offset, 2 ** header.clusterBits) || l1Offset === 0) {
    const fact = `the L1 table at ${l1Offset} is not on a cluster of its own`;
    throw fields.error('disk-corrupt', 40, 'l1_table_offset', fact, { value: l1Offset });
  }
  const needed = neededL1Entries(header, entryBytes);
  if (l1Entries < needed) {
    const fact = `the L1 table has ${l1Entries} entries, the disk needs ${needed}`;
    throw fields.error('disk-corrupt', 36, 'l1_size', fact, { value: l1Entries });
  }
  const range = { name: 'L1 table', offset: l1Offset, length: l1Entries * 8 };
  const where =
    l1Offset >= file.size
      ? { format: 'qcow2', field: 'l1_table_offset', offset: 40, value: l1Offset }
      : { format: 'qcow2', field: 'l1_size', offset: 36, value: l1Entries };
  requireInside(file, range, where);
  if (range.length > limits.qcow2L1Bytes) {
    const fact = `an L1 table of ${range.length} bytes, the limit is ${limits.qcow2L1Bytes}`;
    throw fields.error('disk-too-large', 36, 'l1_size', fact, {
      value: l1Entries,
      limit: limits.qcow2L1Bytes,
    });
  }
}

function requireRefcountTable(file: { size: number }, header: Qcow2Header): void {
  const { fields, refcountTableOffset: offset, refcountTableClusters: clusters } = header;
  const clusterSize = 2 ** header.clusterBits;
  if (header.refcountOrder > 6) {
    const fact = `refcount_order ${header.refcountOrder} is above 6`;
    throw fields.error('disk-corrupt', 96, 'refcount_order', fact, { value: header.refcountOrder });
  }
  if (!isAligned(offset, clusterSize) || offset === 0) {
    const fact = `the refcount table at ${offset} is not on a cluster of its own`;
    throw fields.error('disk-corrupt', 48, 'refcount_table_offset', fact, { value: offset });
  }
  if (clusters === 0) {
    throw fields.error('disk-corrupt', 56, 'refcount_table_clusters', 'there is no refcount table');
  }
  const where =
    offset >= file.size
      ? { format: 'qcow2', field: 'refcount_table_offset', offset: 48, value: offset }
      : { format: 'qcow2', field: 'refcount_table_clusters', offset: 56, value: clusters };
  requireInside(file, { name: 'refcount table', offset, length: clusters * clusterSize }, where);
  if (clusters * clusterSize > limits.qcow2RefcountTableBytes) {
    const fact = `a refcount table of ${clusters * clusterSize} bytes, the limit is ${limits.qcow2RefcountTableBytes}`;
    const more = { value: clusters, limit: limits.qcow2RefcountTableBytes };
    throw fields.error('disk-too-large', 56, 'refcount_table_clusters', fact, more);
  }
}
