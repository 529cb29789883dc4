import { crc32c } from '../../bytes/crc32c.ts';
import { Fields } from '../../bytes/fields.ts';
import { guidAt } from '../../bytes/guid.ts';
import { u32le } from '../../bytes/integers.ts';
import { startsWith } from './checksum.ts';
import { wide } from './header.ts';

/** Entries, their descriptors and their data come in sectors of this size. */
export const LOG_SECTOR = 4096;
const HEADER_BYTES = 64;
const DESCRIPTOR_BYTES = 32;

/** An entry of the log whose checksum is right. */
export interface LogEntry {
  /** In the log. */
  readonly position: number;
  readonly length: number;
  /** Position of the first entry that must be replayed with this one. */
  readonly tail: number;
  readonly sequence: bigint;
  readonly descriptors: number;
  readonly flushedFileOffset: bigint;
  readonly lastFileOffset: bigint;
}

/** A descriptor: 4096 bytes of data or a range of zeros for a place in the file. */
export interface LogDescriptor {
  readonly kind: 'data' | 'zero';
  readonly fileOffset: bigint;
  /** Of a range of zeros. */
  readonly length: bigint;
  readonly sequence: bigint;
  /** Position of the descriptor in the log. */
  readonly position: number;
}

/** The log's bytes as the ring they are. */
export class LogRing {
  readonly #bytes: Uint8Array;
  readonly #fileOffset: number;
  readonly #guid: string;
  #summedBytes = 0;

  /** @param fileOffset of the log's first byte */
  constructor(bytes: Uint8Array, fileOffset: number, guid: string) {
    this.#bytes = bytes;
    this.#fileOffset = fileOffset;
    this.#guid = guid;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Bytes that checksums were computed of so far: hostile entries may overlap each other. */
  get summedBytes(): number {
    return this.#summedBytes;
  }

  /** Byte of the file at a position of the log. */
  fileOffsetOf(position: number): number {
    return this.#fileOffset + (position % this.length);
  }

  /** The sector of 4096 bytes at a position that is a multiple of it; may be written to. */
  sector(position: number): Uint8Array {
    const at = position % this.length;
    return this.#bytes.subarray(at, at + LOG_SECTOR);
  }

  /** @returns `undefined` where no entry of this log, or a torn one, starts */
  entryAt(position: number): LogEntry | undefined {
    const bytes = this.sector(position);
    if (!startsWith(bytes, 'loge')) return undefined;
    const fields = new Fields(bytes, { format: 'vhdx', offset: this.fileOffsetOf(position), endian: 'le' });
    const length = fields.u32(8);
    const tail = fields.u32(12);
    const sequence = wide(fields, 16);
    const isPossible =
      length >= LOG_SECTOR &&
      length <= this.length &&
      length % LOG_SECTOR === 0 &&
      tail < this.length &&
      tail % LOG_SECTOR === 0 &&
      sequence > 0n &&
      guidAt(bytes, 32) === this.#guid;
    if (!isPossible || u32le(bytes, 4) !== this.#checksum(position, length)) return undefined;
    return {
      position,
      length,
      tail,
      sequence,
      descriptors: fields.u32(24),
      flushedFileOffset: wide(fields, 48),
      lastFileOffset: wide(fields, 56),
    };
  }

  /** CRC-32C of a whole entry, its own four bytes counted as zero, around the ring's end. */
  #checksum(position: number, length: number): number {
    this.#summedBytes += length;
    const head = this.sector(position).slice();
    head.fill(0, 4, 8);
    let crc = crc32c(head);
    for (let done = LOG_SECTOR; done < length;) {
      const at = (position + done) % this.length;
      const part = this.#bytes.subarray(at, Math.min(this.length, at + length - done));
      crc = crc32c(part, crc);
      done += part.length;
    }
    return crc;
  }

  /** Sectors that an entry's header and descriptors fill. */
  static descriptorSectors(entry: LogEntry): number {
    return Math.ceil((HEADER_BYTES + DESCRIPTOR_BYTES * entry.descriptors) / LOG_SECTOR);
  }

  /** @returns `undefined` for something that is no descriptor */
  descriptorAt(entry: LogEntry, index: number): LogDescriptor | undefined {
    const inEntry = HEADER_BYTES + DESCRIPTOR_BYTES * index;
    const position = (entry.position + inEntry) % this.length;
    const sector = this.sector(position - (position % LOG_SECTOR));
    const at = position % LOG_SECTOR;
    const bytes = sector.subarray(at, at + DESCRIPTOR_BYTES);
    const fields = new Fields(bytes, { format: 'vhdx', offset: this.fileOffsetOf(position), endian: 'le' });
    const kind = startsWith(bytes, 'desc') ? 'data' : startsWith(bytes, 'zero') ? 'zero' : undefined;
    if (!kind) return undefined;
    return {
      kind,
      fileOffset: wide(fields, 16),
      length: kind === 'zero' ? wide(fields, 8) : BigInt(LOG_SECTOR),
      sequence: wide(fields, 24),
      position,
    };
  }

  /**
   * The 4096 bytes that a data descriptor writes: its data sector, whose mark and sequence number
   * stand in for bytes kept in the descriptor. Put together in place, in the log's own memory.
   * @returns `undefined` for a data sector of another entry
   */
  dataOf(entry: LogEntry, descriptor: LogDescriptor, dataPosition: number): Uint8Array | undefined {
    const sector = this.sector(dataPosition);
    const fields = new Fields(sector, {
      format: 'vhdx',
      offset: this.fileOffsetOf(dataPosition),
      endian: 'le',
    });
    const sequence = (BigInt(fields.u32(4)) << 32n) | BigInt(fields.u32(LOG_SECTOR - 4));
    if (!startsWith(sector, 'data') || sequence !== entry.sequence) return undefined;
    const from = this.sector(descriptor.position - (descriptor.position % LOG_SECTOR));
    const at = descriptor.position % LOG_SECTOR;
    sector.set(from.subarray(at + 8, at + 16), 0);
    sector.set(from.subarray(at + 4, at + 8), LOG_SECTOR - 4);
    return sector;
  }
}
