import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { fits, isAligned, isPowerOfTwo } from '../../bytes/align.ts';
import { shownText } from '../../bytes/text.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { features, type QedHeader } from './header.ts';

/** The escaped name of the backing file; `undefined` where the features name none. */
export async function readBackingName(file: RandomAccess, header: QedHeader): Promise<string | undefined> {
  const { backingOffset: offset, backingLength: length } = header;
  if ((header.features.low & features.backingFile) === 0) return undefined;
  if (length > 1023 || !fits(offset, length, file.size)) return '';
  return shownText(await readBytes(file, offset, length));
}

/** What the file refers to, features, and its dirty mark. */
export function checkSafety(checks: Checks, header: QedHeader, backing: string | undefined): void {
  if (backing === undefined) {
    checks.passed('backing-file', 'no backing file');
  } else {
    const name = backing.length > 120 ? `${backing.slice(0, 120)}…` : backing;
    const where = { field: 'features', offset: 16, value: header.fields.hex(16, 8) };
    const wayOut = 'flatten it: qemu-img convert -O qcow2 child.qed flat.qcow2';
    checks.refused('backing-file', 'disk-unsafe', `needs the backing file "${name}"`, where, wayOut);
  }
  const { high, low } = header.features;
  if (high !== 0 || (low & ~7) !== 0) {
    const where = { field: 'features', offset: 16, value: header.fields.hex(16, 8) };
    const wayOut = 'convert it with the program that made it';
    checks.refused('features', 'disk-unsupported', 'needs features unknown here', where, wayOut);
  } else {
    checks.passed('features', 'no unknown feature');
  }
  if ((low & features.needsCheck) === 0) {
    checks.passed('dirty-mark', 'closed in order');
  } else {
    const where = { field: 'features', offset: 16, value: 'bit 1' };
    checks.noted('dirty-mark', 'was not closed: accepted if the scan of its tables is clean', where);
  }
}

/** Sizes, and where the L1 table lies; nothing is allocated for it. */
export function checkTables(checks: Checks, file: { readonly size: number }, header: QedHeader): void {
  const sized = checks.attempt('cluster-size', () => {
    requireSizes(header);
    return true;
  });
  if (!sized) return;
  checks.attempt('virtual-size', () => {
    checkVirtualSize(header.virtualSize, { format: 'qed', field: 'image_size', offset: 48 });
    const entries = entriesOf(header);
    const most = entries * entries * header.clusterSize;
    if (header.virtualSize > most) {
      const fact = `a virtual size of ${header.virtualSize} bytes, the tables reach ${most}`;
      throw header.fields.error('disk-corrupt', 48, 'image_size', fact, { value: header.virtualSize });
    }
  });
  checks.attempt('l1-table', () => {
    const { fields, l1Offset, clusterSize, tableSize } = header;
    if (!isAligned(l1Offset, clusterSize) || l1Offset === 0) {
      const fact = `the L1 table at ${l1Offset} is not on a cluster of its own`;
      throw fields.error('disk-corrupt', 40, 'l1_table_offset', fact, { value: l1Offset });
    }
    const where = { format: 'qed', field: 'l1_table_offset', offset: 40, value: l1Offset };
    requireInside(file, { name: 'L1 table', offset: l1Offset, length: tableSize * clusterSize }, where);
    checks.passed('tables', 'the L1 table lies in the file');
  });
}

function requireSizes(header: QedHeader): void {
  const { fields, clusterSize, tableSize, headerSize } = header;
  if (!isPowerOfTwo(clusterSize) || clusterSize < 4096 || clusterSize > limits.qedClusterBytes) {
    const fact = `a cluster of ${clusterSize} bytes is no power of two in 4096…${limits.qedClusterBytes}`;
    throw fields.error('disk-corrupt', 4, 'cluster_size', fact, { value: clusterSize });
  }
  if (!isPowerOfTwo(tableSize) || tableSize > 16) {
    const fact = `a table of ${tableSize} clusters is no power of two in 1…16`;
    throw fields.error('disk-corrupt', 8, 'table_size', fact, { value: tableSize });
  }
  if (headerSize < 1 || headerSize * clusterSize >= 2 ** 32) {
    const fact = `a header of ${headerSize} clusters of ${clusterSize} bytes`;
    throw fields.error('disk-corrupt', 12, 'header_size', fact, { value: headerSize });
  }
}

/** Entries of one table, L1 and L2 alike. */
export const entriesOf = (header: QedHeader): number => (header.tableSize * header.clusterSize) / 8;
