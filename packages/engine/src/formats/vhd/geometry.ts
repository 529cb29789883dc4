/** Cylinders, heads and sectors per track, as a VHD footer stores them. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/** What the geometry field can say at most; a disk of this geometry may be larger. */
const MAX_SECTORS = 65_535 * 16 * 255;

/**
 * The geometry of a disk, rounded down to whole cylinders.
 * @param totalSectors sectors of 512 bytes
 * @see Virtual Hard Disk Image Format Specification 1.0, appendix "CHS Calculation"
 */
export function geometryOf(totalSectors: number): Geometry {
  const total = Math.min(totalSectors, MAX_SECTORS);
  let sectorsPerTrack: number;
  let heads: number;
  let cylinderTimesHeads: number;
  if (total >= 65_535 * 16 * 63) {
    sectorsPerTrack = 255;
    heads = 16;
    cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
  } else {
    sectorsPerTrack = 17;
    cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    heads = Math.max(4, Math.ceil(cylinderTimesHeads / 1024));
    if (cylinderTimesHeads >= heads * 1024 || heads > 16) {
      sectorsPerTrack = 31;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    }
    if (cylinderTimesHeads >= heads * 1024) {
      sectorsPerTrack = 63;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    }
  }
  return { cylinders: Math.floor(cylinderTimesHeads / heads), heads, sectorsPerTrack };
}

/** Bytes of a disk that has exactly this geometry. */
export const geometryBytes = (g: Geometry): number => g.cylinders * g.heads * g.sectorsPerTrack * 512;

/** The largest geometry: it says nothing about the size. */
export const isLargest = (g: Geometry): boolean =>
  g.cylinders === 65_535 && g.heads === 16 && g.sectorsPerTrack === 255;
