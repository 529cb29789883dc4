import type { Disk, Extent } from './disk.ts';

/**
 * The extents of guest bytes [start, end), the first and the last cut to the range. A packed unit
 * is not cut: it may start before `start` and end behind `end`.
 */
export async function* extentsIn(disk: Disk, start: number, end: number): AsyncGenerator<Extent> {
  if (start >= end) return;
  for await (const extent of disk.extents(start)) {
    if (extent.guestOffset >= end) return;
    yield clip(extent, start, end);
    if (extent.guestOffset + extent.length >= end) return;
  }
}

function clip(extent: Extent, start: number, end: number): Extent {
  if (extent.kind === 'packed') return extent;
  const guestOffset = Math.max(start, extent.guestOffset);
  const length = Math.min(end, extent.guestOffset + extent.length) - guestOffset;
  if (extent.kind !== 'stored') return { ...extent, guestOffset, length };
  return { ...extent, guestOffset, length, fileOffset: extent.fileOffset + guestOffset - extent.guestOffset };
}
