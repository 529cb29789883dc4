import { pageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { u32be } from '../../bytes/integers.ts';
import type { Disk, DiskFacts } from '../../disk/disk.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { features, MAGIC, readHeader, type QedHeader } from './header.ts';
import { qedEntryOf, qedExtents, type QedMap } from './map.ts';
import { checkSafety, checkTables, entriesOf, readBackingName } from './safety.ts';

/** QED; read only. @see QEMU docs/interop/qed_spec.rst */
export const qed: FormatDriver = {
  name: 'qed',
  matches: ({ head }) => head.length >= 4 && u32be(head, 0) === MAGIC,
  open: openQed,
};

async function openQed(file: RandomAccess): Promise<Disk> {
  const header = await readHeader(file);
  const checks = new Checks('qed');
  const backing = await readBackingName(file, header);
  checkSafety(checks, header, backing);
  checkTables(checks, file, header);
  const facts = factsOf(header, backing);
  checks.throwIfRefused({ facts, virtualSize: header.virtualSize });

  const { clusterSize, virtualSize, l1Offset } = header;
  const map: QedMap = {
    file,
    cache: pageCache(file),
    virtualSize,
    clusterSize,
    entries: entriesOf(header),
    l1Offset,
  };
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: [
      { name: 'header', offset: 0, length: header.headerSize * clusterSize },
      { name: 'L1 table', offset: l1Offset, length: header.tableSize * clusterSize },
    ],
    canonical: (header.features.low & features.needsCheck) === 0,
    endAlignment: clusterSize,
    // What was allocated but not yet entered in a table when the writer died is no trailing data.
    tailInUse: (header.features.low & features.needsCheck) !== 0,
    extents: (guestOffset, onTable) => qedExtents(map, guestOffset, onTable),
    entryOf: (guestOffset) => qedEntryOf(map, guestOffset),
  };
}

function factsOf(header: QedHeader, backing: string | undefined): DiskFacts {
  return {
    format: 'qed',
    unitSize: header.clusterSize,
    compression: 'none',
    ...(backing !== undefined && { backing }),
    details: {
      tableClusters: header.tableSize,
      dirty: (header.features.low & features.needsCheck) !== 0,
    },
  };
}
