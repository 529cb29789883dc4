import type { RandomAccess } from '../../access/random-access.ts';
import { roundUp } from '../../bytes/align.ts';
import type { Disk } from '../../disk/disk.ts';
import { diskError } from '../../errors.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { rawLayout } from './layout.ts';
import { rawExtents } from './map.ts';
import { readPartitions } from './partitions.ts';
import { checkRaw } from './safety.ts';

/** The guest's bytes as they are. Never detected: it is the absence of every other format. */
export const raw: FormatDriver = {
  name: 'raw',
  matches: () => false,
  open: (file) => openRaw(file, 'raw', new Checks('raw')),
  layout: rawLayout,
};

/** @throws {DiskError} `disk-empty`, `disk-too-large` */
export async function openRaw(file: RandomAccess, format: 'raw' | 'iso', checks: Checks): Promise<Disk> {
  if (file.size === 0) throw diskError('disk-empty', { format, offset: 0 }, 'the file has no bytes');
  const virtualSize = roundUp(file.size, 512);
  checkVirtualSize(virtualSize, { format, field: 'size', offset: 0 });
  const partitions = await readPartitions(file);
  checkRaw(checks, file.size, partitions);
  return {
    file,
    virtualSize,
    facts: { format, compression: 'none', details: { partitions: partitions.kind } },
    findings: checks.findings,
    metadata: [],
    canonical: file.size === virtualSize,
    tailInUse: true,
    extents: (guestOffset) => rawExtents(file, virtualSize, guestOffset),
  };
}
