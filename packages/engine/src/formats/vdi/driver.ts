import { pageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { roundUp } from '../../bytes/align.ts';
import { u32le } from '../../bytes/integers.ts';
import type { Disk, DiskFacts } from '../../disk/disk.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import {
  HEADER_BYTES,
  headerEnd,
  imageTypes,
  parseHeader,
  SIGNATURE,
  SIGNATURE_AT,
  versions,
  type VdiHeader,
} from './header.ts';
import { entryPlace, vdiExtents, type VdiMap } from './map.ts';
import { checkAllocated, checkMap, checkParent, checkSizes, checkVersion } from './safety.ts';

const MiB = 1024 * 1024;

/** VDI, static and dynamic. @see VirtualBox src/VBox/Storage/VDICore.h */
export const vdi: FormatDriver = {
  name: 'vdi',
  matches: ({ head }) => head.length >= SIGNATURE_AT + 4 && u32le(head, SIGNATURE_AT) === SIGNATURE,
  open: openVdi,
};

async function openVdi(file: RandomAccess): Promise<Disk> {
  const whole = { name: 'header', offset: 0, length: HEADER_BYTES };
  requireInside(file, whole, { format: 'vdi', field: 'header', offset: 0 });
  const header = parseHeader(await readBytes(file, 0, HEADER_BYTES));
  const checks = new Checks('vdi');
  const virtualSize = roundUp(header.diskSize, 512);
  const known = { facts: factsOf(header), virtualSize };
  checkVersion(header, file.size, checks);
  checkParent(header, checks);
  checkSizes(header, checks);
  checkMap(header, file.size, checks);
  checks.throwIfRefused(known);

  const tables = pageCache(file);
  const { mapOffset, dataOffset, blockSize, blockExtra, blocks } = header;
  const map: VdiMap = { file, tables, virtualSize, mapOffset, dataOffset, blockSize, blockExtra, blocks };
  const counted = await checkAllocated(header, map, tables, checks);
  const isPlain = blockSize === MiB && blockExtra === 0 && header.version === versions.v1_1;
  return {
    file,
    virtualSize,
    facts: known.facts,
    findings: checks.findings,
    metadata: [
      { name: 'header', offset: 0, length: headerEnd(header) },
      { name: 'block map', offset: mapOffset, length: 4 * blocks },
    ],
    canonical: counted && isPlain && header.diskSize === virtualSize,
    extents: (guestOffset, onTable) => vdiExtents(map, guestOffset, onTable),
    async entryOf(guestOffset) {
      return entryPlace(map, Math.floor(guestOffset / blockSize));
    },
  };
}

function factsOf(header: VdiHeader): DiskFacts {
  const names: Record<number, string> = {
    [imageTypes.dynamic]: 'dynamic',
    [imageTypes.static]: 'static',
    [imageTypes.undo]: 'undo',
    [imageTypes.differencing]: 'differencing',
  };
  return {
    format: 'vdi',
    subformat: names[header.type] ?? `type ${header.type}`,
    unitSize: header.blockSize,
    compression: 'none',
    details: {
      program: header.program,
      version: header.version === versions.v1_1 ? '1.1' : '1.0',
      blocks: header.blocks,
      blocksAllocated: header.allocated,
      ...(header.blockExtra > 0 && { blockExtra: header.blockExtra }),
    },
  };
}
