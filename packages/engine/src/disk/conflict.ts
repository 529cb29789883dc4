import { diskError, type DiskError } from '../errors.ts';
import type { Disk, Extent, FileRange } from './disk.ts';

type Second = { readonly table: FileRange } | { readonly extent: Extent };

/** Something in use, as a message calls it. */
interface User {
  readonly name: string;
  readonly guestOffset?: number;
}

const CHECK = 'check it with the program that wrote it';

/**
 * The error about a byte of the file that is used twice. The scan keeps no record of who used a byte
 * first, so the map is walked once more up to that place.
 */
export async function conflictError(
  disk: Disk,
  second: Second & { readonly byte: number },
): Promise<DiskError> {
  const { byte } = second;
  const first = await firstUser(disk, byte);
  const format = disk.facts.format;
  if ('table' in second) {
    const { table } = second;
    const { field, offset } = table.entry ?? { field: table.name, offset: table.offset };
    const fact = `the ${table.name} at byte ${table.offset} lies in ${first.name}`;
    return diskError('disk-corrupt', { format, field, offset, value: table.offset }, fact, CHECK);
  }
  const guestOffset = guestOffsetOf(second.extent, byte);
  const entry = (await disk.entryOf?.(guestOffset)) ?? { offset: byte };
  const fact =
    first.guestOffset === undefined
      ? `guest byte ${guestOffset} lies in ${first.name}, at file byte ${byte}`
      : `guest bytes ${first.guestOffset} and ${guestOffset} share file byte ${byte}`;
  return diskError('disk-corrupt', { format, ...entry, value: byte }, fact, CHECK);
}

/** The guest byte that `byte` of the file shows; of a packed unit the first. */
const guestOffsetOf = (extent: Extent, byte: number): number =>
  extent.kind === 'stored' ? extent.guestOffset + byte - extent.fileOffset : extent.guestOffset;

async function firstUser(disk: Disk, byte: number): Promise<User> {
  const holds = (range: { offset: number; length: number }): boolean =>
    byte >= range.offset && byte < range.offset + range.length;
  const known = disk.metadata.find(holds);
  if (known) return { name: `the ${known.name}` };
  let table: FileRange | undefined;
  const seeTable = (met: FileRange): void => {
    if (holds(met)) table ??= met;
  };
  for await (const extent of disk.extents(0, seeTable)) {
    if (table) return { name: `the ${table.name} at byte ${table.offset}` };
    if (extent.kind !== 'stored' && extent.kind !== 'packed') continue;
    const length = extent.kind === 'packed' ? extent.fileLength : extent.length;
    if (!holds({ offset: extent.fileOffset, length })) continue;
    const guestOffset = guestOffsetOf(extent, byte);
    return { name: `the data of guest byte ${guestOffset}`, guestOffset };
  }
  return { name: table ? `the ${table.name} at byte ${table.offset}` : 'another unit' };
}
