import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const MiB = 1024 * 1024;

/**
 * A raw disk that doesn't compress: `dataMiB` of pseudo-random data with a hole of 8 MiB in the
 * middle, the same for the same seed.
 */
export async function writeDisk(path: string, dataMiB: number, seed: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let index = 0; index < dataMiB; index += 1) {
      const at = (index < dataMiB / 2 ? index : index + 8) * MiB;
      const block = createHash('shake256', { outputLength: MiB }).update(`${seed} ${index}`).digest();
      if (index === 0) block.fill(0, 0, 510).writeUInt16BE(0x55aa, 510);
      await file.write(block, 0, MiB, at);
    }
  } finally {
    await file.close();
  }
}
