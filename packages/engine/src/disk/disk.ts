import type { DiskErrorKind } from '../errors.ts';
import type { RandomAccess } from '../access/random-access.ts';

/** How one packed unit is compressed; `codec/` turns exactly one unit in into one unit out. */
export type Codec =
  | { kind: 'deflate-raw' } // QCOW, QCOW2: raw deflate, rubbish behind the end is normal
  | { kind: 'zlib' } // VMDK grains: RFC 1950
  | { kind: 'zlib-sync' } // ZVHD2 zlib blocks: RFC 1950, ends in a sync flush, no final block
  | { kind: 'zstd'; declaredSize?: 'exact' } // QCOW2, ZVHD2 ('exact': the frame must declare the unit's size)
  /** ZVHD: record number `record` of one deflate stream for the whole file. */
  | { kind: 'zvhd-stream'; record: number; windows: StreamWindows };

/** The 32 KiB behind which a record of a continued stream goes on. */
export interface StreamWindows {
  /** The window before a record, unpacking records in between if it isn't kept; none before the first. */
  before(record: number): Promise<Uint8Array | undefined>;
  /** Told what a record unpacked to; copies what it keeps. */
  keep(record: number, unpacked: Uint8Array): void;
}

/** Where `length` guest bytes from `guestOffset` come from. */
export type Extent = { guestOffset: number; length: number } & (
  | { kind: 'stored'; file: RandomAccess; fileOffset: number }
  /** One packed unit; `length` is its whole unpacked size, cut only at the disk's end. */
  | {
      kind: 'packed';
      file: RandomAccess;
      fileOffset: number;
      fileLength: number;
      codec: Codec;
      unitSize: number;
    }
  | { kind: 'zero' } // written, and zero
  | { kind: 'hole' } // never written: zero, as we follow no backing file
);

/** A run of file bytes that holds structure, not guest data. */
export interface FileRange {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** The entry that names it, for error messages. */
  readonly entry?: { readonly field: string; readonly offset: number };
}

/** One thing looked at by a safety check; never a reason to stop by itself. */
export interface Finding {
  readonly check: string; // stable id, e.g. 'backing-file'
  readonly level: 'passed' | 'noted' | 'refused';
  /** Set when refused. */
  readonly kind?: DiskErrorKind;
  readonly message: string;
  readonly field?: string;
  readonly offset?: number;
  readonly value?: number | string;
  /** The bound that `value` is above. */
  readonly limit?: number;
}

/** What `inspect` shows about a file, from headers alone. */
export interface DiskFacts {
  readonly format: FormatName;
  /** e.g. `v3`, `dynamic`, `streamOptimized`. */
  readonly subformat?: string;
  /** Bytes of the allocation unit: cluster, block, grain. */
  readonly unitSize?: number;
  readonly compression?: 'none' | 'zlib' | 'zstd';
  readonly encryption?: string;
  /** Text from the file, escaped. */
  readonly backing?: string;
  /** Format's own facts, e.g. original size of a ZVHD2, creator of a VHD. Text escaped. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

export const formatNames = [
  'raw',
  'qcow2',
  'qcow',
  'qed',
  'vhd',
  'vhdx',
  'vdi',
  'vmdk',
  'zvhd',
  'zvhd2',
  'iso',
] as const;
export type FormatName = (typeof formatNames)[number];

/** An open disk image: what the guest sees, and where each byte lies. */
export interface Disk {
  readonly file: RandomAccess;
  /** Guest bytes, a multiple of 512. */
  readonly virtualSize: number;
  readonly facts: DiskFacts;
  /** Header checks' results, passed ones included; the scan adds its own. */
  readonly findings: readonly Finding[];
  /**
   * Header and first-level structures known after `open`, for the overlap check (H8).
   * `extents` may yield tables it meets through `onTable`.
   */
  readonly metadata: readonly FileRange[];
  /** The file is what every reader gets alike: no log, dirty mark, bad copy, trailing bytes, snapshot, odd size. */
  readonly canonical: boolean;
  /**
   * Ascending, without gap or overlap, from `guestOffset` to `virtualSize`; touches metadata only.
   * Neighbours of one kind that touch in the file are joined, at most 1 GiB long.
   * A unit that the end of the file cuts (where the format allows it) gives its stored part and a
   * `zero` rest, so lengths need not be multiples of 512.
   * `guestOffset` may lie inside a unit; a packed extent then starts at its unit's start.
   * @param onTable told of each second-level table's place the first time it is used
   * @throws {DiskError} at the entry that breaks a rule
   */
  extents(guestOffset: number, onTable?: (table: FileRange) => void): AsyncIterable<Extent>;
  /**
   * The map entry that decides about a guest byte, for error messages of the scan.
   * Absent where there is no map (raw, fixed).
   */
  entryOf?(guestOffset: number): Promise<{ field: string; offset: number } | undefined>;
  /** The file may be padded to a multiple of this (bytes) behind its last structure; 512 when absent. */
  readonly endAlignment?: number;
  /** Bytes behind the last structure are in use though the map does not say so (e.g. snapshots). */
  readonly tailInUse?: boolean;
}
