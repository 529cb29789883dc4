import type { PageCache } from '../../access/page-cache.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { isAligned, roundUp } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { shownText } from '../../bytes/text.ts';
import { diskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Qcow2Header } from './header.ts';

const ENTRY_BYTES = 40;
const MOST_EXTRA_BYTES = 1024;
/** Names beyond these, or further into the table than this, are counted, not read. */
const SHOWN = 100;
const READ_BYTES = 1024 * 1024;

/**
 * Names of the internal snapshots, escaped, the first hundred; what the snapshots hold is never read.
 * @throws {DiskError} `disk-too-large`, `disk-corrupt`, `disk-truncated` about the snapshot table
 */
export async function readSnapshotNames(cache: PageCache, header: Qcow2Header): Promise<string[]> {
  const { snapshotCount: count, snapshotTableOffset: offset, fields } = header;
  if (count === 0) return [];
  if (count > limits.qcow2Snapshots) {
    const fact = `${count} snapshots, the limit is ${limits.qcow2Snapshots}`;
    const more = { value: count, limit: limits.qcow2Snapshots };
    throw fields.error('disk-too-large', 60, 'nb_snapshots', fact, more);
  }
  if (!isAligned(offset, 2 ** header.clusterBits)) {
    const fact = `the snapshot table at ${offset} is not on a cluster`;
    throw fields.error('disk-corrupt', 64, 'snapshots_offset', fact, { value: offset });
  }
  const where = { format: 'qcow2', field: 'snapshots_offset', offset: 64, value: offset };
  requireInside(cache, { name: 'snapshot table', offset, length: count * ENTRY_BYTES }, where);
  const names: string[] = [];
  let at = offset;
  for (let index = 0; index < Math.min(count, SHOWN) && at - offset < READ_BYTES; index++) {
    requireInside(cache, { name: 'snapshot table', offset: at, length: ENTRY_BYTES }, where);
    const entry = new Fields(await readBytes(cache, at, ENTRY_BYTES), {
      format: 'qcow2',
      offset: at,
      endian: 'be',
    });
    const idLength = entry.u16(12);
    const nameLength = entry.u16(14);
    const extra = entry.u32(36);
    if (extra > MOST_EXTRA_BYTES) {
      const fact = `snapshot ${index} has ${extra} bytes of extra data, the limit is ${MOST_EXTRA_BYTES}`;
      throw diskError(
        'disk-corrupt',
        { format: 'qcow2', field: 'extra_data_size', offset: at + 36, value: extra, limit: MOST_EXTRA_BYTES },
        fact,
      );
    }
    const nameOffset = at + ENTRY_BYTES + extra + idLength;
    requireInside(cache, { name: 'snapshot table', offset: nameOffset, length: nameLength }, where);
    const shown = Math.min(nameLength, 4 * limits.shownTextCharacters);
    names.push(shownText(await readBytes(cache, nameOffset, shown)));
    at += roundUp(ENTRY_BYTES + extra + idLength + nameLength, 8);
  }
  return names;
}
