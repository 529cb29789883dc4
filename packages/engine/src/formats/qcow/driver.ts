import { pageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { roundUp } from '../../bytes/align.ts';
import { u32be } from '../../bytes/integers.ts';
import type { Disk, DiskFacts } from '../../disk/disk.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { HEADER_BYTES, MAGIC, readHeader, type QcowHeader } from './header.ts';
import { qcowEntryOf, qcowExtents, type QcowMap } from './map.ts';
import { checkSafety, checkTables, l1EntriesOf, readBackingName } from './safety.ts';

/** QCOW version 1, plain and compressed; read only. @see QEMU block/qcow.c for the fields */
export const qcow: FormatDriver = {
  name: 'qcow',
  matches: ({ head }) => head.length >= 8 && u32be(head, 0) === MAGIC && u32be(head, 4) === 1,
  open: openQcow,
};

async function openQcow(file: RandomAccess): Promise<Disk> {
  const header = await readHeader(file);
  const checks = new Checks('qcow');
  const backing = await readBackingName(file, header);
  checkSafety(checks, header, backing);
  checkTables(checks, file, header);
  const facts = factsOf(header, backing);
  checks.throwIfRefused({ facts, virtualSize: header.virtualSize });

  const map: QcowMap = {
    file,
    cache: pageCache(file),
    virtualSize: header.virtualSize,
    clusterBits: header.clusterBits,
    clusterSize: 2 ** header.clusterBits,
    l2Entries: 2 ** header.l2Bits,
    l1Offset: header.l1Offset,
    l1Entries: l1EntriesOf(header),
  };
  return {
    file,
    virtualSize: roundUp(header.virtualSize, 512),
    facts,
    findings: checks.findings,
    metadata: [
      { name: 'header', offset: 0, length: HEADER_BYTES },
      { name: 'L1 table', offset: map.l1Offset, length: map.l1Entries * 8 },
    ],
    canonical: header.virtualSize % 512 === 0,
    endAlignment: map.clusterSize,
    extents: (guestOffset, onTable) => qcowExtents(map, guestOffset, onTable),
    entryOf: (guestOffset) => qcowEntryOf(map, guestOffset),
  };
}

function factsOf(header: QcowHeader, backing: string | undefined): DiskFacts {
  return {
    format: 'qcow',
    subformat: 'v1',
    ...(header.clusterBits <= 16 && { unitSize: 2 ** header.clusterBits }),
    compression: 'zlib',
    ...(header.cryptMethod !== 0 && { encryption: header.cryptMethod === 1 ? 'aes' : 'unknown' }),
    ...(backing !== undefined && { backing }),
    details: { ...(header.l2Bits <= 13 && { l2Entries: 2 ** header.l2Bits }) },
  };
}
