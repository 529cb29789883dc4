import { putU32be, putU64be } from '../../bytes/integers.ts';
import { MAGIC } from './header.ts';

const HEADER_LENGTH = 112;
const FEATURE_NAMES = 0x6803f857;

/** Kind (0 incompatible, 1 compatible, 2 autoclear), bit, name: as qemu writes them. */
const names: readonly [number, number, string][] = [
  [0, 0, 'dirty bit'],
  [0, 1, 'corrupt bit'],
  [0, 2, 'external data file'],
  [0, 3, 'compression type'],
  [0, 4, 'extended L2 entries'],
  [1, 0, 'lazy refcounts'],
  [2, 0, 'bitmaps'],
  [2, 1, 'raw external data'],
];

/** What a header of ours says; all else is zero or fixed. */
export interface HeaderOut {
  readonly virtualSize: number;
  readonly clusterSize: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
}

/**
 * The header of version 3: 112 bytes, and the names of features where the cluster has room for
 * them (clusters of 512 bytes don't).
 */
export function writeHeader(header: HeaderOut): Uint8Array {
  const namesLength = 8 + names.length * 48;
  const withNames = HEADER_LENGTH + namesLength + 8 <= header.clusterSize;
  const bytes = new Uint8Array(HEADER_LENGTH + (withNames ? namesLength : 0) + 8);
  putU32be(bytes, 0, MAGIC);
  putU32be(bytes, 4, 3);
  putU32be(bytes, 20, Math.log2(header.clusterSize));
  putU64be(bytes, 24, header.virtualSize);
  putU32be(bytes, 36, header.l1Entries);
  putU64be(bytes, 40, header.l1Offset);
  putU64be(bytes, 48, header.refcountTableOffset);
  putU32be(bytes, 56, header.refcountTableClusters);
  putU32be(bytes, 96, 4); // refcount_order: 16 bits
  putU32be(bytes, 100, HEADER_LENGTH);
  if (withNames) {
    putU32be(bytes, HEADER_LENGTH, FEATURE_NAMES);
    putU32be(bytes, HEADER_LENGTH + 4, names.length * 48);
    names.forEach(([kind, bit, name], i) => {
      const at = HEADER_LENGTH + 8 + i * 48;
      bytes[at] = kind;
      bytes[at + 1] = bit;
      bytes.set(new TextEncoder().encode(name), at + 2);
    });
  }
  return bytes; // ends with eight zero bytes: the end extension
}
