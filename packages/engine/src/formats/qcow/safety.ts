import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { ceilDiv, fits, roundUp } from '../../bytes/align.ts';
import { shownText } from '../../bytes/text.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { HEADER_BYTES, type QcowHeader } from './header.ts';

/** The escaped name of the backing file; `undefined` where none is named. */
export async function readBackingName(file: RandomAccess, header: QcowHeader): Promise<string | undefined> {
  const { backingOffset: offset, backingLength: length } = header;
  if (offset === 0) return undefined;
  if (length > 1023 || !fits(offset, length, file.size)) return '';
  return shownText(await readBytes(file, offset, length));
}

/** What the file refers to, and whether its content is plain. */
export function checkSafety(checks: Checks, header: QcowHeader, backing: string | undefined): void {
  if (backing === undefined) {
    checks.passed('backing-file', 'no backing file');
  } else if (header.backingLength > 1023) {
    const fact = `a backing file name of ${header.backingLength} bytes, the limit is 1023`;
    const where = { field: 'backing_file_size', offset: 16, value: header.backingLength };
    checks.refused('backing-file', 'disk-corrupt', fact, where);
  } else {
    const name = backing.length > 120 ? `${backing.slice(0, 120)}…` : backing;
    const where = { field: 'backing_file_offset', offset: 8, value: header.backingOffset };
    const wayOut = 'flatten it: qemu-img convert -O qcow2 child.qcow flat.qcow2';
    checks.refused('backing-file', 'disk-unsafe', `needs the backing file "${name}"`, where, wayOut);
  }
  if (header.cryptMethod === 0) {
    checks.passed('encryption', 'not encrypted');
  } else {
    const cipher = header.cryptMethod === 1 ? 'aes' : `method ${header.cryptMethod}`;
    const where = { field: 'crypt_method', offset: 36, value: header.cryptMethod };
    const wayOut = 'decrypt it with qemu-img convert and its secret';
    checks.refused('encryption', 'disk-encrypted', `encrypted with ${cipher}`, where, wayOut);
  }
}

/** Sizes of clusters and tables, the disk's size, and the L1 table, whose length is computed (hazard H4). */
export function checkTables(checks: Checks, file: { readonly size: number }, header: QcowHeader): void {
  const { fields, clusterBits, l2Bits, l1Offset } = header;
  const inRange = checks.attempt('cluster-size', () => {
    if (clusterBits < 9 || clusterBits > 16) {
      const fact = `cluster_bits ${clusterBits} is outside 9…16`;
      throw fields.error('disk-corrupt', 32, 'cluster_bits', fact, { value: clusterBits });
    }
    if (l2Bits < 6 || l2Bits > 13) {
      throw fields.error('disk-corrupt', 33, 'l2_bits', `l2_bits ${l2Bits} is outside 6…13`, {
        value: l2Bits,
      });
    }
    return true;
  });
  const sized = checks.attempt('virtual-size', () => {
    // Version 1 has no rule about whole sectors: what is beyond the size in the last one reads as zeros.
    const size = header.virtualSize;
    checkVirtualSize(size < 2 ? 0 : roundUp(size, 512), { format: 'qcow', field: 'size', offset: 24 });
    if (size % 512 !== 0) {
      const fact = `a virtual size of ${size} bytes; the last sector is filled up with zeros, qemu drops it`;
      checks.noted('virtual-size', fact, { field: 'size', offset: 24, value: size });
    }
    return true;
  });
  if (!inRange || !sized) return;
  checks.attempt('l1-table', () => {
    const length = l1EntriesOf(header) * 8;
    const more = { value: l1Offset };
    if (l1Offset < HEADER_BYTES) {
      throw fields.error('disk-corrupt', 40, 'l1_table_offset', 'the L1 table lies in the header', more);
    }
    const where = { format: 'qcow', field: 'l1_table_offset', offset: 40, ...more };
    requireInside(file, { name: `L1 table of ${length} bytes`, offset: l1Offset, length }, where);
    if (length > limits.tableBytes) {
      const fact = `an L1 table of ${length} bytes, the limit is ${limits.tableBytes}`;
      throw fields.error('disk-too-large', 40, 'l1_table_offset', fact, { limit: limits.tableBytes });
    }
    checks.passed('tables', 'the L1 table lies in the file');
  });
}

/** Computed, not stored: one for each L2 table that the size needs. */
export const l1EntriesOf = (header: QcowHeader): number =>
  ceilDiv(header.virtualSize, 2 ** (header.clusterBits + header.l2Bits));
