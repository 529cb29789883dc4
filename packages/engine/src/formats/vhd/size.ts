import type { Footer } from './footer.ts';
import { geometryBytes, isLargest } from './geometry.ts';

/** Creators whose current size every program believes; the list that qemu knows (block/vpc.c). */
const exactCreators = new Set(['win ', 'qem2', 'd2v ', 'tap\0', 'CTXS']);
/** Creators of disks that are as large as their geometry says. */
const geometryCreators = new Set(['vpc ', 'qemu']);

export interface DiskSize {
  /** Guest bytes by our rule. */
  readonly size: number;
  readonly rule: 'current size' | 'geometry';
  /** Guest bytes that qemu would show. */
  readonly qemuSize: number;
}

/**
 * How large is the disk? Everybody but qemu takes the current size. We follow the geometry only
 * for Virtual PC and qemu, and only where the current size exceeds it by less than a cylinder, so
 * that no written byte is ever dropped silently.
 */
export function diskSize(footer: Footer): DiskSize {
  const { creator, currentSize, geometry } = footer;
  const chs = geometryBytes(geometry);
  const exact = exactCreators.has(creator) || isLargest(geometry);
  const qemuSize = exact ? currentSize : chs;
  const cylinder = geometry.heads * geometry.sectorsPerTrack * 512;
  const byGeometry =
    !exact && geometryCreators.has(creator) && chs <= currentSize && currentSize - chs < cylinder;
  return byGeometry
    ? { size: chs, rule: chs === currentSize ? 'current size' : 'geometry', qemuSize }
    : { size: currentSize, rule: 'current size', qemuSize };
}
