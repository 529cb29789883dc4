import { requireRange } from '../access/read.ts';
import type { RandomAccess } from '../access/random-access.ts';
import { unpack } from '../codec/unpack.ts';
import { cutShort, diskError, type DiskErrorWhere } from '../errors.ts';
import { packedInputLimitBytes } from '../limits.ts';
import type { Disk, Extent } from './disk.ts';
import { extentsIn } from './extents-in.ts';

type Packed = Extract<Extent, { kind: 'packed' }>;
type Stored = Extract<Extent, { kind: 'stored' }>;

/** Packed units are read together up to this many file bytes; larger ones alone. */
const GROUP_BYTES = 1024 * 1024;
/** File bytes between two packed units that are cheaper to read than to skip. */
const GAP_BYTES = 32 * 1024;

/**
 * The one reader of guest bytes: fetches stored runs in place, reads neighbouring packed units
 * with one call and unpacks them, and leaves zeros where nothing is stored. One reader serves one
 * caller at a time and keeps about 1 MiB (or one packed unit and its input, if larger).
 */
export class GuestReader {
  readonly #disk: Disk;
  #input = new Uint8Array(0);
  /** The last unit that was wanted only in part, so that small reads don't unpack it again (H7). */
  #unit: { fileOffset: number; file: RandomAccess; bytes: Uint8Array } | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * Fill all of `target` from guest byte `guestOffset`.
   * @throws {DiskError} `disk-truncated` when the range ends behind the disk, and what the map,
   *   the file and the codecs throw
   */
  async read(guestOffset: number, target: Uint8Array): Promise<void> {
    requireRange({ size: this.#disk.virtualSize }, guestOffset, target.length);
    const extents: Extent[] = [];
    for await (const extent of extentsIn(this.#disk, guestOffset, guestOffset + target.length)) {
      extents.push(extent);
    }
    await this.readExtents(extents, guestOffset, target);
  }

  /**
   * Fill `target`, which shows guest bytes from `guestOffset` on, from extents in ascending order.
   * What no stored or packed extent covers becomes zero.
   */
  async readExtents(extents: readonly Extent[], guestOffset: number, target: Uint8Array): Promise<void> {
    const end = guestOffset + target.length;
    const packed: Packed[] = [];
    let filled = guestOffset;
    for (const extent of extents) {
      if (extent.kind === 'zero' || extent.kind === 'hole') continue;
      const from = Math.max(extent.guestOffset, guestOffset);
      const to = Math.min(extent.guestOffset + extent.length, end);
      if (from >= to) continue;
      if (from > filled) target.fill(0, filled - guestOffset, from - guestOffset);
      filled = to;
      if (extent.kind === 'packed') {
        if (!this.#fromKept(extent, guestOffset, target)) packed.push(extent);
      } else await readStored(extent, from, target.subarray(from - guestOffset, to - guestOffset));
    }
    target.fill(0, filled - guestOffset);
    if (packed.length > 0) await this.#unpackAll(packed, guestOffset, target);
  }

  /** Units that lie near each other in the file come with one read, whatever their guest order. */
  async #unpackAll(units: Packed[], guestOffset: number, target: Uint8Array): Promise<void> {
    // A record of a continued stream needs the one before it: keep guest order, which is file order.
    units.sort((a, b) => a.fileOffset - b.fileOffset);
    for (let first = 0; first < units.length;) {
      const start = units[first]!.fileOffset;
      const { file } = units[first]!;
      let next = first;
      let end = start;
      for (; next < units.length; next++) {
        const unit = units[next]!;
        const unitEnd = unit.fileOffset + inputLength(unit, this.#disk.facts.format);
        const near =
          unit.file === file && unit.fileOffset <= end + GAP_BYTES && unitEnd - start <= GROUP_BYTES;
        if (next > first && !near) break;
        end = Math.max(end, unitEnd);
      }
      const input = this.#room(end - start);
      await file.read(start, input);
      for (; first < next; first++) {
        const unit = units[first]!;
        const from = unit.fileOffset - start;
        const length = inputLength(unit, this.#disk.facts.format);
        await this.#unpackOne(unit, input.subarray(from, from + length), guestOffset, target);
      }
    }
  }

  async #unpackOne(unit: Packed, input: Uint8Array, guestOffset: number, target: Uint8Array): Promise<void> {
    const from = unit.guestOffset - guestOffset;
    const isWhole = from >= 0 && unit.length === unit.unitSize && from + unit.unitSize <= target.length;
    if (isWhole) {
      await this.#expand(unit, input, target.subarray(from, from + unit.unitSize));
      return;
    }
    const old = this.#unit?.bytes;
    this.#unit = undefined;
    const bytes = old?.length === unit.unitSize ? old : new Uint8Array(unit.unitSize);
    await this.#expand(unit, input, bytes);
    this.#unit = { file: unit.file, fileOffset: unit.fileOffset, bytes };
    this.#fromKept(unit, guestOffset, target);
  }

  /** Copy what `target` shows of a unit, if it is the one that is kept. */
  #fromKept(unit: Packed, guestOffset: number, target: Uint8Array): boolean {
    const kept = this.#unit;
    if (!kept || kept.file !== unit.file || kept.fileOffset !== unit.fileOffset) return false;
    const from = unit.guestOffset - guestOffset;
    const skipped = Math.max(0, -from);
    const at = Math.max(0, from);
    const length = Math.min(unit.length - skipped, target.length - at);
    target.set(kept.bytes.subarray(skipped, skipped + length), at);
    return true;
  }

  async #expand(unit: Packed, input: Uint8Array, target: Uint8Array): Promise<void> {
    const where: DiskErrorWhere = { format: this.#disk.facts.format, offset: unit.fileOffset };
    const { codec } = unit;
    const window = codec.kind === 'zvhd-stream' ? await codec.windows.before(codec.record) : undefined;
    try {
      const written = unpack({
        kind: codec.kind,
        packed: input,
        target,
        window,
        where,
        declared: codec.kind === 'zstd' && codec.declaredSize === 'exact',
        // A grain at the disk's end may hold less than a grain.
        atLeast: codec.kind === 'zlib' ? unit.length : target.length,
      });
      target.fill(0, written);
    } catch (error) {
      // The file may end within the last sector of a unit (H32); if that cost data, say so.
      if (input.length === unit.fileLength) throw error;
      const needs = `a packed unit needs byte ${unit.fileOffset + unit.fileLength}`;
      throw diskError('disk-truncated', where, `${needs}, the file ends at ${unit.file.size}`, cutShort, {
        cause: error,
      });
    }
    if (codec.kind === 'zvhd-stream') codec.windows.keep(codec.record, target);
  }

  #room(length: number): Uint8Array {
    if (this.#input.length < length) this.#input = new Uint8Array(Math.max(length, GROUP_BYTES));
    return this.#input.subarray(0, length);
  }
}

async function readStored(extent: Stored, from: number, target: Uint8Array): Promise<void> {
  await extent.file.read(extent.fileOffset + from - extent.guestOffset, target);
}

/** Input bytes of a unit that are in the file; bounded before anything is allocated (H6). */
function inputLength(unit: Packed, format: string): number {
  const { fileOffset, fileLength, unitSize, file } = unit;
  const limit = packedInputLimitBytes(unitSize);
  const where = { format, offset: fileOffset, value: fileLength, limit };
  if (fileLength > limit) {
    throw diskError('disk-corrupt', where, `${fileLength} packed bytes for a unit of ${unitSize}`);
  }
  const inFile = Math.min(fileLength, file.size - fileOffset);
  if (inFile > 0) return inFile;
  const fact = `a packed unit starts at byte ${fileOffset}, the file ends at ${file.size}`;
  throw diskError('disk-truncated', where, fact, cutShort);
}
