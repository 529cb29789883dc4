import { joinHalves } from '../../bytes/integers.ts';

/**
 * The place of a compressed cluster, from the two halves of its L2 entry: the offset takes
 * x = 62 − (cluster_bits − 8) bits, the rest up to bit 61 counts further sectors. The length runs
 * to the end of the last sector, where the next cluster may have begun.
 */
export function compressedPlace(
  clusterBits: number,
  high: number,
  low: number,
): { offset: number; length: number } {
  const offsetBitsInHigh = 62 - (clusterBits - 8) - 32; // 17…29
  const offset = joinHalves(high & (2 ** offsetBitsInHigh - 1), low);
  const sectors = ((high >>> offsetBitsInHigh) & (2 ** (clusterBits - 8) - 1)) + 1;
  return { offset, length: sectors * 512 - (offset % 512) };
}
