import { diskError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * Is a virtual size from a header usable: more than nothing, whole sectors, within the engine's cap?
 * @throws {DiskError} `disk-corrupt`, `disk-too-large`
 */
export function checkVirtualSize(
  bytes: number,
  where: { readonly format: string; readonly field: string; readonly offset: number },
): void {
  if (bytes === 0) throw diskError('disk-corrupt', { ...where, value: 0 }, 'the disk has no size');
  if (bytes > limits.virtualSizeBytes) {
    throw diskError(
      'disk-too-large',
      { ...where, value: bytes, limit: limits.virtualSizeBytes },
      `a virtual size of ${bytes} bytes, the limit is ${limits.virtualSizeBytes}`,
      'shrink the disk, or ask the operator',
    );
  }
  if (bytes % 512 !== 0) {
    throw diskError(
      'disk-corrupt',
      { ...where, value: bytes },
      `a virtual size of ${bytes} bytes is no multiple of 512, and programs disagree about its end`,
      'resize it to a multiple of 512 bytes',
    );
  }
}
