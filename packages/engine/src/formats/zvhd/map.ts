import type { RandomAccess } from '../../access/random-access.ts';
import type { Codec, Extent } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import type { BlockRecord } from './record.ts';

/** Sizes that the map needs; bytes. */
export interface BlockSizes {
  readonly blockSize: number;
  /** Guest bytes from here on are zero, whatever the last block holds. */
  readonly originalSize: number;
  readonly virtualSize: number;
}

export type StoredBlock = BlockRecord & { readonly codec: Codec };

/**
 * Where each guest byte lies: stored blocks are packed, all else was never written.
 * @param records ascending, from the first stored block at or behind `guestOffset` on
 */
export async function* blockExtents(
  file: RandomAccess,
  sizes: BlockSizes,
  guestOffset: number,
  records: AsyncIterable<StoredBlock>,
): AsyncGenerator<Extent> {
  const { blockSize, originalSize, virtualSize } = sizes;
  const firstBlock = Math.floor(guestOffset / blockSize) * blockSize;
  let runs = new ExtentRuns(file, { from: guestOffset, unitStart: firstBlock, to: virtualSize });
  let next = firstBlock; // guest offset behind the last block seen
  for await (const { block, packedOffset, packedLength, codec } of records) {
    const start = block * blockSize;
    if (start > next) yield* runs.hole(start - next);
    next = start + blockSize;
    const unit = { unitSize: blockSize, fileOffset: packedOffset, fileLength: packedLength, codec };
    if (next <= originalSize) {
      yield* runs.packed(unit);
      continue;
    }
    // The disk's last block, which reaches behind the original size.
    yield* runs.flush();
    const from = Math.max(guestOffset, start);
    yield* new ExtentRuns(file, { from, unitStart: start, to: originalSize }).packed(unit);
    runs = new ExtentRuns(file, { from: Math.max(from, originalSize), to: virtualSize });
    next = originalSize;
  }
  yield* runs.hole(virtualSize - Math.min(next, virtualSize));
  yield* runs.flush();
}
