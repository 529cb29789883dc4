import { pageCache, type PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import type { Disk } from '../../disk/disk.ts';
import { shownText } from '../../bytes/text.ts';
import { diskError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { openCowd } from './cowd-disk.ts';
import { isDescriptorText, parseDescriptor } from './descriptor.ts';
import { refuseLone } from './descriptor-safety.ts';
import { isCowdMagic, isSeSparseMagic, isSparseMagic, SECTOR } from './header.ts';
import { openSparse } from './sparse-disk.ts';

/**
 * VMDK of one file: monolithicSparse and streamOptimized; COWD extents without a parent. Every
 * other kind keeps its data in files that it names, and is refused.
 * @see VMware Virtual Disk Format 5.0
 */
export const vmdk: FormatDriver = {
  name: 'vmdk',
  matches: ({ head }) =>
    isSparseMagic(head) || isCowdMagic(head) || isSeSparseMagic(head) || isDescriptorText(head),
  open: openVmdk,
};

async function openVmdk(file: RandomAccess): Promise<Disk> {
  const head = await readBytes(file, 0, Math.min(file.size, 8));
  const tables: PageCache = pageCache(file);
  if (isSparseMagic(head)) return await openSparse(file, tables);
  if (isCowdMagic(head)) return await openCowd(file, tables);
  if (isSeSparseMagic(head)) {
    const where = { format: 'vmdk', field: 'magic', offset: 0 };
    const wayOut = 'export it as OVA, or vmkfstools -i it to another kind';
    throw diskError('disk-unsupported', where, 'a seSparse extent of a snapshot', wayOut);
  }
  return await refuseDescriptor(file);
}

/** A descriptor alone is always refused; the checks say what it would have opened. */
async function refuseDescriptor(file: RandomAccess): Promise<never> {
  const bytes = await readBytes(file, 0, Math.min(file.size, limits.descriptorBytes));
  const checks = new Checks('vmdk');
  const descriptor = checks.attempt('descriptor', () => parseDescriptor(bytes, 0));
  checks.throwIfRefused();
  refuseLone(descriptor!, checks);
  const type = descriptor!.values.get('createtype')?.value ?? 'descriptor';
  const sectors = descriptor!.extents.reduce((sum, extent) => sum + extent.sectors, 0);
  checks.throwIfRefused({
    facts: {
      format: 'vmdk',
      subformat: shownText(type, 40),
      details: { extents: descriptor!.extents.length },
    },
    virtualSize: sectors * SECTOR,
  });
  throw new Error('a descriptor alone is always refused');
}
