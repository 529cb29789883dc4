import type { Sink } from '../access/sink.ts';
import type { Layout, PlacedRun } from './layout.ts';

/** Write what is known before any data. Repeated when a conversion is resumed: the same bytes. */
export async function writeHead(layout: Layout, sink: Sink): Promise<void> {
  // The length first: places that are never written must read as zeros from the start.
  if (layout.fileSize !== undefined) await sink.truncate(layout.fileSize);
  for (const { fileOffset, bytes } of layout.head()) await sink.write(fileOffset, bytes);
}

/**
 * Write what needs the places of the units, and set the final length.
 * @param end first free byte after the last unit (`append` placing)
 * @returns length of the output in bytes
 */
export async function writeTail(
  layout: Layout,
  sink: Sink,
  runs: readonly PlacedRun[],
  end: number,
): Promise<number> {
  const dataEnd = layout.placing === 'append' ? end : guestEnd(layout);
  let size = dataEnd;
  for (const { fileOffset, bytes } of layout.finish(runs, dataEnd)) {
    await sink.write(fileOffset, bytes);
    size = Math.max(size, fileOffset + bytes.length);
  }
  size = layout.fileSize ?? size;
  await sink.truncate(size);
  return size;
}

function guestEnd({ dataOffset, virtualSize, unitSize, cutLast }: Layout): number {
  return dataOffset + (cutLast ? virtualSize : Math.ceil(virtualSize / unitSize) * unitSize);
}
