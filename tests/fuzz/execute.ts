import { DiskError, GuestReader, inspect, memoryFile, openChecked, scanDisk } from '@imageyard/engine';

/** Longest time one input may take, and the guest bytes read of what was accepted. */
export const limitMs = 1000;
const readBytes = 4 * 1024 ** 2;

export type Outcome = 'accepted' | 'refused';

/**
 * Everything that is done to a file from outside, on one input.
 * @throws what isn't a `DiskError`, or an `Error` when it took longer than `limitMs`
 */
export async function execute(bytes: Uint8Array): Promise<Outcome> {
  const started = performance.now();
  const outcome = await lookAndRead(bytes);
  const took = performance.now() - started;
  if (took > limitMs) throw new Error(`took ${took.toFixed(0)} ms`);
  return outcome;
}

async function lookAndRead(bytes: Uint8Array): Promise<Outcome> {
  const file = memoryFile(bytes);
  try {
    await inspect(file);
    const disk = await openChecked(file);
    await scanDisk(disk);
    const reader = new GuestReader(disk);
    const target = new Uint8Array(65_536);
    let read = 0;
    for await (const extent of disk.extents(0)) {
      if (extent.kind === 'hole' || extent.kind === 'zero') continue;
      for (let at = 0; at < extent.length && read < readBytes; at += target.length) {
        const length = Math.min(target.length, extent.length - at);
        await reader.read(extent.guestOffset + at, target.subarray(0, length));
        read += length;
      }
      if (read >= readBytes) break;
    }
    return 'accepted';
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return 'refused';
  }
}
