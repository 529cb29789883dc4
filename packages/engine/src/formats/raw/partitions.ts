import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { u16le, u32le, u64le } from '../../bytes/integers.ts';

/** What the first sectors of a disk say about its partitions. */
export interface PartitionFacts {
  /** `gpt`, `mbr`, a file system without a table, or `none` where nothing is known. */
  readonly kind: 'gpt' | 'mbr' | 'fat' | 'ext' | 'xfs' | 'ntfs' | 'btrfs' | 'lvm' | 'swap' | 'none';
  /** Bytes that the table says the disk has at least. */
  readonly claimedBytes: number;
  /** For GPT: is the backup header where the main one says, and is that the last sector? */
  readonly backup?: { readonly found: boolean; readonly offset: number; readonly last: boolean };
}

const GPT_SIGNATURE = 'EFI PART';

const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** A FAT boot sector ends in 55 AA too: two FATs and the media byte of a hard disk tell. */
const isFat = (head: Uint8Array): boolean => head[16] === 2 && head[21] === 0xf8;

/**
 * Looks at the first 68 KiB and, for GPT, at the backup header.
 * @param file a disk as the guest sees it
 */
export async function readPartitions(file: RandomAccess): Promise<PartitionFacts> {
  const head = new Uint8Array(68 * 1024);
  await file.read(0, head.subarray(0, Math.min(head.length, file.size)));
  const signed = head[510] === 0x55 && head[511] === 0xaa;
  for (const sectorSize of [512, 4096]) {
    if (ascii(head, sectorSize, 8) === GPT_SIGNATURE && signed) return await readGpt(file, head, sectorSize);
  }
  const fileSystem = fileSystemOf(head);
  if (fileSystem) return { kind: fileSystem, claimedBytes: 0 };
  if (!signed) return { kind: 'none', claimedBytes: 0 };
  return readMbr(head);
}

async function readGpt(file: RandomAccess, head: Uint8Array, sectorSize: number): Promise<PartitionFacts> {
  const sector = u64le(head, sectorSize + 32);
  const offset = (sector ?? Number.MAX_SAFE_INTEGER) * sectorSize;
  const claimedBytes = offset + sectorSize;
  const inFile = claimedBytes <= file.size;
  const found = inFile && ascii(await readBytes(file, offset, 8), 0, 8) === GPT_SIGNATURE;
  return {
    kind: 'gpt',
    claimedBytes,
    backup: { found, offset, last: file.size - claimedBytes < sectorSize },
  };
}

function readMbr(head: Uint8Array): PartitionFacts {
  let claimed = 0;
  let used = false;
  for (let at = 446; at < 510; at += 16) {
    const type = head[at + 4]!;
    if (type === 0) continue;
    used = true;
    claimed = Math.max(claimed, (u32le(head, at + 8) + u32le(head, at + 12)) * 512);
  }
  return used ? { kind: 'mbr', claimedBytes: claimed } : { kind: 'none', claimedBytes: 0 };
}

function fileSystemOf(head: Uint8Array): PartitionFacts['kind'] | undefined {
  if (ascii(head, 3, 8) === 'NTFS    ') return 'ntfs';
  if (ascii(head, 0, 4) === 'XFSB') return 'xfs';
  if (isFat(head)) return 'fat';
  if (u16le(head, 1080) === 0xef53) return 'ext';
  if (ascii(head, 512, 8) === 'LABELONE') return 'lvm';
  if (ascii(head, 4086, 10) === 'SWAPSPACE2') return 'swap';
  if (ascii(head, 65_600, 8) === '_BHRfS_M') return 'btrfs';
  return undefined;
}
