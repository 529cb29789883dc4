import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import type { Fields } from '../../bytes/fields.ts';
import { shownCString } from '../../bytes/text.ts';
import type { Disk, DiskFacts } from '../../disk/disk.ts';
import { cutShort, diskError } from '../../errors.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { at, BLOCK_BYTES, fieldsOf, hasCookie, HEADER_BYTES, UNIT, type ZvhdName } from './header.ts';
import { blockExtents, type StoredBlock } from './map.ts';
import { checkEnd, checkHeader, checkSame, sharedFields } from './safety.ts';
import { RecordWalk } from './walk.ts';
import { ZvhdWindows } from './windows.ts';

/** ZVHD: blocks of 2 MiB in one zlib stream, without an index. */
export const zvhd: FormatDriver = {
  name: 'zvhd',
  matches: ({ head }) => hasCookie(head, 'zvhd'),
  open: openZvhd,
};

async function openZvhd(file: RandomAccess): Promise<Disk> {
  const first = await readFirst(file, 'zvhd');
  const checks = new Checks('zvhd');
  checkHeader(first, checks);
  checks.throwIfRefused();
  const known = { facts: factsOf(first), virtualSize: first.u64(at.currentSize, 'current_size') };
  const last = await checkEnd(file, 'zvhd', () => true, checks);
  if (last) {
    checkHeader(last, checks);
    checkSame(first, last, checks, sharedFields);
  }
  checks.throwIfRefused(known);

  const originalSize = first.u64(at.originalSize, 'original_size');
  const blockCount = Math.ceil(originalSize / BLOCK_BYTES);
  const end = file.size - UNIT;
  const walk = new RecordWalk(file, { format: 'zvhd', blockSize: BLOCK_BYTES, blockCount, limit: end });
  const windows = new ZvhdWindows(walk);
  const sizes = { blockSize: BLOCK_BYTES, originalSize, virtualSize: known.virtualSize };
  async function* blocks(guestOffset: number): AsyncGenerator<StoredBlock> {
    for await (const record of walk.fromBlock(Math.floor(guestOffset / BLOCK_BYTES))) {
      yield { ...record, codec: { kind: 'zvhd-stream', record: record.number, windows } };
    }
  }
  return {
    file,
    virtualSize: known.virtualSize,
    facts: known.facts,
    findings: checks.findings,
    metadata: [
      { name: 'header', offset: 0, length: UNIT },
      { name: 'header copy', offset: end, length: UNIT },
    ],
    canonical: true,
    extents: (guestOffset) => blockExtents(file, sizes, guestOffset, blocks(guestOffset)),
  };
}

function factsOf(header: Fields): DiskFacts {
  return { format: 'zvhd', unitSize: BLOCK_BYTES, compression: 'zlib', details: commonDetails(header) };
}

/** Facts that both formats' headers hold. */
export const commonDetails = (header: Fields): Record<string, string | number> => ({
  originalSize: header.u64(at.originalSize, 'original_size'),
  creator: shownCString(header.slice(at.creator, 4)),
  creatorVersion: header.hex(at.creatorVersion, 4),
});

/** The first header's bytes. @throws {DiskError} `disk-truncated` when the file is shorter than any */
export async function readFirst(file: RandomAccess, format: ZvhdName): Promise<Fields> {
  if (file.size < 2 * UNIT) {
    const fact = `${file.size} bytes, the shortest file has ${2 * UNIT}`;
    throw diskError('disk-truncated', { format, offset: file.size }, fact, cutShort);
  }
  return fieldsOf(await readBytes(file, 0, HEADER_BYTES), format, 0);
}
