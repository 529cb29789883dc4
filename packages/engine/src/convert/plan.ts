import type { Disk, Extent } from '../disk/disk.ts';
import { limits } from '../limits.ts';
import type { Layout } from './layout.ts';

/** Guest bytes that one lane moves at a time, unless the units are larger. */
const GROUP_BYTES = 1024 * 1024;

/**
 * How many guest bytes a group has: 1 MiB, or the largest unit of source and target, so that each
 * packed unit is unpacked once. Part of what a mark means: the same source format and layout
 * give the same size.
 */
export function groupBytes(disk: Disk, layout: Layout): number {
  const { unitSize, compression } = disk.facts;
  const packs = unitSize !== undefined && compression !== undefined && compression !== 'none';
  const sourceUnit = packs ? Math.min(unitSize, limits.zvhdBlockBytes) : 1;
  let bytes = layout.unitSize;
  while (bytes < GROUP_BYTES || bytes < sourceUnit) bytes *= 2;
  return bytes;
}

/** Guest bytes that a conversion reads: stored and packed ones, from metadata alone. */
export async function countDataBytes(disk: Disk, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const extent of disk.extents(0)) {
    signal?.throwIfAborted();
    if (isData(extent)) bytes += extent.length;
  }
  return bytes;
}

/** A run of guest bytes that holds data somewhere. */
export interface Group {
  readonly number: number;
  readonly guestOffset: number;
  /** `groupBytes`, less at the end of the disk. */
  readonly length: number;
  /** Stored and packed extents that meet the group, ascending. */
  readonly extents: readonly Extent[];
  /** Guest bytes that they cover. */
  readonly dataBytes: number;
}

/** The groups of a disk in order, from metadata, without those that hold no data. */
export class GroupCursor {
  readonly #disk: Disk;
  readonly #bytes: number;
  readonly #extents: AsyncIterator<Extent>;
  /** First extent that may meet the groups to come. */
  #extent: Extent | undefined;
  #group: Group | undefined;
  #started = false;

  /** @param first number of the first group that may be asked for */
  constructor(disk: Disk, bytes: number, first: number) {
    this.#disk = disk;
    this.#bytes = bytes;
    const start = Math.min(first * bytes, disk.virtualSize);
    this.#extents = disk.extents(start)[Symbol.asyncIterator]();
  }

  /** The first group with data whose number is ≥ `from`; `from` never falls. */
  async next(from: number): Promise<Group | undefined> {
    if (this.#group && this.#group.number >= from) return this.#group;
    this.#group = undefined;
    if (!this.#started) {
      this.#started = true;
      await this.#advance();
    }
    const start = from * this.#bytes;
    while (this.#extent && !(isData(this.#extent) && endOf(this.#extent) > start)) await this.#advance();
    if (!this.#extent) return undefined;
    const number = Math.floor(Math.max(start, this.#extent.guestOffset) / this.#bytes);
    this.#group = await this.#collect(number);
    return this.#group;
  }

  async #collect(number: number): Promise<Group> {
    const guestOffset = number * this.#bytes;
    const end = Math.min(guestOffset + this.#bytes, this.#disk.virtualSize);
    const extents: Extent[] = [];
    let dataBytes = 0;
    while (this.#extent && this.#extent.guestOffset < end) {
      const extent = this.#extent;
      if (isData(extent)) {
        extents.push(extent);
        dataBytes += Math.min(end, endOf(extent)) - Math.max(guestOffset, extent.guestOffset);
      }
      if (endOf(extent) > end) break; // the next group needs it too
      await this.#advance();
    }
    return { number, guestOffset, length: end - guestOffset, extents, dataBytes };
  }

  async #advance(): Promise<void> {
    const { done, value } = await this.#extents.next();
    this.#extent = done ? undefined : value;
  }
}

const isData = (extent: Extent): boolean => extent.kind === 'stored' || extent.kind === 'packed';
const endOf = (extent: Extent): number => extent.guestOffset + extent.length;
