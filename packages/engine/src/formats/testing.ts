import assert from 'node:assert/strict';
import type { RandomAccess } from '../access/random-access.ts';
import { SparseMemory } from '../access/sparse-memory.ts';
import { isAllZero, roundUp } from '../bytes/align.ts';
import type { Layout, PlacedRun } from '../convert/layout.ts';
import type { Disk, Extent } from '../disk/disk.ts';
import { GuestReader } from '../disk/reader.ts';
import { scanDisk } from '../disk/scan.ts';
import type { DiskErrorKind } from '../errors.ts';
import type { FormatDriver } from './driver.ts';

/** An extent without its file, for comparisons. */
export type Piece = WithoutFile<Extent>;
type WithoutFile<E> = E extends unknown ? Omit<E, 'file'> : never;

/** All extents from `from` on, after checking that they are ascending, without gap or overlap. */
export async function piecesOf(disk: Disk, from = 0): Promise<Piece[]> {
  const pieces: Piece[] = [];
  let at = from;
  for await (const extent of disk.extents(from)) {
    if (pieces.length === 0 && extent.kind === 'packed') at = Math.min(at, extent.guestOffset);
    assert.equal(extent.guestOffset, at, 'extents leave no gap and do not overlap');
    assert.ok(extent.length > 0, 'no extent is empty');
    at += extent.length;
    const piece: Partial<Extent & { file: unknown }> = { ...extent };
    delete piece.file;
    pieces.push(piece as Piece);
  }
  assert.equal(at, disk.virtualSize, 'extents reach the end of the disk');
  return pieces;
}

/** Open and scan: what a file goes through before it is converted. */
export async function openAndScan(driver: FormatDriver, file: RandomAccess): Promise<void> {
  await scanDisk(await driver.open(file, 'deny'));
}

/** A hostile file is refused with this kind, at this field and byte, by opening or scanning it. */
export async function assertRefused(
  driver: FormatDriver,
  file: RandomAccess,
  expected: { kind: DiskErrorKind; field: string; offset: number; message?: RegExp },
): Promise<void> {
  await assert.rejects(openAndScan(driver, file), (error: unknown) => {
    const { kind, where, message } = error as {
      kind?: string;
      where?: { field?: string; offset?: number };
      message: string;
    };
    assert.deepEqual(
      { kind, field: where?.field, offset: where?.offset },
      { kind: expected.kind, field: expected.field, offset: expected.offset },
      message,
    );
    if (expected.message) assert.match(message, expected.message);
    assert.ok(message.length <= 300, `the message has ${message.length} characters`);
    return true;
  });
}

/** All guest bytes of a small disk. */
export async function guestBytes(disk: Disk): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.virtualSize);
  await new GuestReader(disk).read(0, bytes);
  return bytes;
}

/** The plainest mover there can be: unit by unit, one lane. What the real one writes must be equal. */
export async function writeByLayout(disk: Disk, layout: Layout): Promise<SparseMemory> {
  const out = new SparseMemory();
  for (const made of layout.head()) out.put(made.fileOffset, made.bytes);
  const reader = new GuestReader(disk);
  const runs: PlacedRun[] = [];
  let end = layout.dataOffset;
  const units = Math.ceil(disk.virtualSize / layout.unitSize);
  for (let unit = 0; unit < units; unit++) {
    const guestOffset = unit * layout.unitSize;
    const length = Math.min(layout.unitSize, disk.virtualSize - guestOffset);
    const guest = new Uint8Array(layout.cutLast ? length : layout.unitSize);
    await reader.read(guestOffset, guest.subarray(0, length));
    if (isAllZero(guest)) continue;
    const bytes = layout.plain ? guest : layout.encode(unit, guest, (size) => new Uint8Array(size));
    const fileOffset =
      layout.placing === 'guest' ? layout.dataOffset + guestOffset : roundUp(end, layout.alignment);
    out.put(fileOffset, bytes);
    end = Math.max(end, fileOffset + bytes.length);
    place(runs, { firstUnit: unit, count: 1, fileOffset, unitLength: bytes.length });
  }
  for (const made of layout.finish(runs, end)) out.put(made.fileOffset, made.bytes);
  if (layout.fileSize !== undefined) await out.truncate(layout.fileSize);
  return out;
}

function place(runs: PlacedRun[], unit: PlacedRun): void {
  const last = runs.at(-1);
  const follows =
    last !== undefined &&
    last.unitLength === unit.unitLength &&
    last.firstUnit + last.count === unit.firstUnit &&
    last.fileOffset + last.count * last.unitLength === unit.fileOffset;
  if (follows) runs[runs.length - 1] = { ...last, count: last.count + 1 };
  else runs.push(unit);
}
