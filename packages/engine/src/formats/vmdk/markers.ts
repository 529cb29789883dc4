import type { RandomAccess } from '../../access/random-access.ts';
import { roundDown, roundUp } from '../../bytes/align.ts';
import { u32le, u64le } from '../../bytes/integers.ts';
import type { Codec, Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { cutShort, diskError, pastEnd, type DiskError } from '../../errors.ts';
import { packedInputLimitBytes } from '../../limits.ts';
import { SECTOR } from './header.ts';

/** Bytes in front of a packed grain: its first sector (u64) and its packed length (u32). */
const GRAIN_MARKER_BYTES = 12;

export const markerTypes = {
  endOfStream: 0,
  grainTable: 1,
  grainDirectory: 2,
  footer: 3,
  progress: 4,
} as const;

export interface PackedGrain {
  readonly unitSize: number;
  readonly fileOffset: number;
  readonly fileLength: number;
  readonly codec: Codec;
}

/**
 * Markers are read straight from the file: they lie between the grains, and pages around them
 * would be the whole file once more.
 */
interface MarkedFile {
  readonly file: RandomAccess;
  readonly grainBytes: number;
}

/**
 * The packed grain whose marker lies at `place`, named by a table entry. Table and marker must
 * agree, as a reader of the stream would follow the marker alone (H11).
 * @throws {DiskError} `disk-corrupt`, `disk-truncated`
 */
export async function packedGrain(
  map: MarkedFile,
  place: number,
  guestOffset: number,
  entry: { field: string; offset: number },
): Promise<PackedGrain> {
  const { size } = map.file;
  if (place + GRAIN_MARKER_BYTES > size) {
    throw pastEnd({ format: 'vmdk', ...entry }, 'a grain marker', place + GRAIN_MARKER_BYTES, size);
  }
  const marker = new Uint8Array(GRAIN_MARKER_BYTES);
  await map.file.read(place, marker);
  const sector = u64le(marker, 0);
  if (sector !== guestOffset / SECTOR) {
    const where = { field: 'marker_lba', offset: place, value: sector ?? 'above 2^53' };
    throw corrupt(where, `the grain's marker says sector ${where.value}, its table ${guestOffset / SECTOR}`);
  }
  return packedAt(map, place, u32le(marker, 8));
}

/** @throws {DiskError} for a packed length that is no length */
function packedAt(map: MarkedFile, place: number, length: number): PackedGrain {
  const where = { field: 'marker_size', offset: place + 8, value: length };
  const limit = packedInputLimitBytes(map.grainBytes);
  if (length === 0 || length > limit) {
    throw corrupt({ ...where, limit }, `a grain of ${length} packed bytes, 1 to ${limit} are possible`);
  }
  const fileOffset = place + GRAIN_MARKER_BYTES;
  if (fileOffset + length > map.file.size) {
    throw pastEnd({ format: 'vmdk', ...where }, 'a packed grain', fileOffset + length, map.file.size);
  }
  return { unitSize: map.grainBytes, fileOffset, fileLength: length, codec: { kind: 'zlib' } };
}

const corrupt = (
  where: { field: string; offset: number; value?: number | string; limit?: number },
  fact: string,
) => diskError('disk-corrupt', { format: 'vmdk', ...where }, fact);

/** A stream without a usable directory: its markers are read one after the other. */
export interface MarkerStream extends MarkedFile {
  readonly virtualSize: number;
  /** Where the first marker is. */
  readonly start: number;
  /** Places met so far, ascending, so that nobody walks from the start each time. */
  readonly waypoints: { guestOffset: number; place: number }[];
}

/** Grains between two waypoints: 16 bytes of memory for at least 4 MiB of guest data. */
const WAYPOINT_GRAINS = 1024;

/**
 * Where each guest byte lies, by the markers alone. Each step goes forward by a sector or more,
 * so the walk ends within the file.
 * @throws {DiskError} `disk-corrupt` for markers out of order, behind the disk or after the end mark;
 *   `disk-truncated` where the file ends without an end mark
 */
export async function* streamExtents(
  stream: MarkerStream,
  from: number,
  onTable?: (table: FileRange) => void,
): AsyncGenerator<Extent> {
  const { grainBytes, virtualSize } = stream;
  const unitStart = roundDown(from, grainBytes);
  const runs = new ExtentRuns(stream.file, { from, unitStart, to: virtualSize });
  let { place, guestOffset: next } = waypointBefore(stream, unitStart);
  let reached = unitStart;
  for (let grains = 0; ;) {
    const marker = await readMarker(stream, place);
    if (marker.length === 0) {
      if (marker.type === markerTypes.endOfStream) break;
      onTable?.({ name: 'marker', offset: place, length: SECTOR });
      place = afterTable(stream, marker, onTable);
      continue;
    }
    const guestOffset = requireOrder(stream, marker, next);
    const unit = packedAt(stream, place, marker.length);
    if (guestOffset >= unitStart) {
      if (guestOffset > reached) for (const extent of runs.hole(guestOffset - reached)) yield extent;
      for (const extent of runs.packed(unit)) yield extent;
      reached = guestOffset + grainBytes;
    }
    next = guestOffset + grainBytes;
    place = roundUp(unit.fileOffset + unit.fileLength, SECTOR);
    if (++grains % WAYPOINT_GRAINS === 0) remember(stream, { guestOffset: next, place });
  }
  requireEnd(stream, place);
  onTable?.({ name: 'end mark', offset: place, length: SECTOR });
  for (const extent of runs.hole(virtualSize - reached)) yield extent;
  for (const extent of runs.flush()) yield extent;
}

function waypointBefore(stream: MarkerStream, guestOffset: number): { guestOffset: number; place: number } {
  const known = stream.waypoints.findLast((w) => w.guestOffset <= guestOffset);
  return known ?? { guestOffset: 0, place: stream.start };
}

function remember(stream: MarkerStream, waypoint: { guestOffset: number; place: number }): void {
  const last = stream.waypoints.at(-1);
  if (!last || waypoint.guestOffset > last.guestOffset) stream.waypoints.push(waypoint);
}

interface Marker {
  readonly place: number;
  /** First sector of a grain, or sectors of a table. */
  readonly value: number;
  /** Packed bytes of a grain; 0 for all other markers. */
  readonly length: number;
  readonly type: number;
}

async function readMarker(stream: MarkerStream, place: number): Promise<Marker> {
  if (place + SECTOR > stream.file.size) throw noEnd(stream.file.size);
  const bytes = new Uint8Array(16);
  await stream.file.read(place, bytes);
  const value = u64le(bytes, 0);
  if (value === undefined)
    throw corrupt({ field: 'marker', offset: place }, 'a marker with a number above 2^53');
  return { place, value, length: u32le(bytes, 8), type: u32le(bytes, 12) };
}

/** The stream lacks its end mark. */
export const noEnd = (fileSize: number): DiskError =>
  diskError(
    'disk-truncated',
    { format: 'vmdk', field: 'end_of_stream', offset: fileSize },
    `the stream has no end mark in its ${fileSize} bytes`,
    cutShort,
  );

/** Skip a grain table, directory, footer or progress mark. @returns the place of the next marker */
function afterTable(
  stream: MarkerStream,
  marker: Marker,
  onTable: ((table: FileRange) => void) | undefined,
): number {
  const { place, value, type } = marker;
  const names: Record<number, string> = {
    1: 'grain table',
    2: 'grain directory',
    3: 'footer',
    4: 'progress mark',
  };
  const name = names[type];
  if (!name)
    throw corrupt(
      { field: 'marker_type', offset: place + 12, value: type },
      `a marker of unknown type ${type}`,
    );
  const room = Math.floor((stream.file.size - place - SECTOR) / SECTOR);
  if (value > room) {
    throw pastEnd(
      { format: 'vmdk', field: 'marker', offset: place, value },
      `the ${name}`,
      place + SECTOR + value * SECTOR,
      stream.file.size,
    );
  }
  const length = value * SECTOR;
  if (length > 0) onTable?.({ name, offset: place + SECTOR, length });
  return place + SECTOR + length;
}

/** Grains come in ascending order, each on its own place within the disk. */
function requireOrder(stream: MarkerStream, marker: Marker, next: number): number {
  const { grainBytes, virtualSize } = stream;
  const where = { field: 'marker_lba', offset: marker.place, value: marker.value };
  if (marker.value >= virtualSize / SECTOR) {
    throw corrupt(
      { ...where, limit: virtualSize / SECTOR },
      `a grain at sector ${marker.value}, behind the disk`,
    );
  }
  const guestOffset = marker.value * SECTOR;
  if (guestOffset % grainBytes !== 0)
    throw corrupt(where, `sector ${marker.value} is not the start of a grain`);
  if (guestOffset < next) throw corrupt(where, `sector ${marker.value} comes again, or out of order`);
  return guestOffset;
}

/** Nothing may follow the end mark: the end of a stream is where its footer is looked for (H15). */
function requireEnd(stream: MarkerStream, place: number): void {
  const behind = stream.file.size - place - SECTOR;
  if (behind === 0) return;
  throw corrupt(
    { field: 'end_of_stream', offset: place + SECTOR, value: behind },
    `${behind} bytes after the end mark`,
  );
}
