import type { RandomAccess } from '../../access/random-access.ts';
import type { Extent } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';

/**
 * A raw file's data where its place knows holes, else one stored run; what rounds the last sector
 * up reads as zeros.
 */
export async function* rawExtents(
  file: RandomAccess,
  virtualSize: number,
  from: number,
): AsyncGenerator<Extent> {
  const runs = new ExtentRuns(file, { from, to: virtualSize });
  let at = from;
  while (at < file.size) {
    const data = file.nextData ? await file.nextData(at) : { start: at, end: file.size };
    const start = Math.min(data?.start ?? file.size, file.size);
    const end = Math.min(data?.end ?? file.size, file.size);
    for (const extent of runs.hole(start - at)) yield extent;
    for (const extent of runs.stored(end - start, start)) yield extent;
    if (end <= at) break; // a place that does not advance is not asked again
    at = end;
  }
  for (const extent of runs.zero(virtualSize - Math.max(at, from))) yield extent;
  for (const extent of runs.flush()) yield extent;
}
