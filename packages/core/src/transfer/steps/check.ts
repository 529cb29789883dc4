import { DiskError, driverFor, formatNames, limits } from '@imageyard/engine';
import type { FormatName } from '@imageyard/engine';
import type { CheckedSource } from '@imageyard/engine/node';
import { DomainError } from '../../errors.ts';
import type { TransferSettings } from '../settings.ts';

const GiB = 1024 ** 3;

/** What the image asks for. */
export interface Wanted {
  /** The image's stored format, as its creator wrote it, or the default. */
  readonly target: string;
  /** GiB; 0 when the image sets no bound. */
  readonly minDiskGb: number;
}

/** A name of a format that the engine knows. */
export function isFormat(name: string): name is FormatName {
  return (formatNames as readonly string[]).includes(name);
}

/** Can the engine make a file of this format? */
export function isWritable(format: FormatName): boolean {
  return format !== 'iso' && driverFor(format).layout !== undefined;
}

/** The bytes of an ISO are those of a raw disk: the name is the only difference. */
export function isSameFormat(found: FormatName, target: FormatName): boolean {
  return found === target || (found === 'iso' && target === 'raw');
}

/**
 * Everything that can refuse an image and that headers can show, before the first bulk byte moves.
 * What makes the file itself unsafe or broken was refused by the engine (`checkSource`).
 * @throws {DomainError} `virtual-size-too-large`, `min-disk-too-small`, `format-not-writable`
 */
export function checkPolicy(
  checked: Pick<CheckedSource, 'format' | 'virtualSize'>,
  wanted: Wanted,
  settings: Pick<TransferSettings, 'virtualSizeLimitBytes'>,
): void {
  const { virtualSize, format } = checked;
  const { virtualSizeLimitBytes } = settings;
  if (virtualSize > virtualSizeLimitBytes) {
    throw new DomainError(
      'virtual-size-too-large',
      `${format}: the disk has ${virtualSize} bytes, the limit is ${virtualSizeLimitBytes}; shrink the disk or ask the operator`,
      { virtualSizeBytes: virtualSize, limitBytes: virtualSizeLimitBytes },
    );
  }
  const neededGb = Math.ceil(virtualSize / GiB);
  if (wanted.minDiskGb > 0 && neededGb > wanted.minDiskGb) {
    throw new DomainError(
      'min-disk-too-small',
      `${format}: the disk has ${virtualSize} bytes, which needs ${neededGb} GiB; min_disk is ${wanted.minDiskGb}; raise min_disk to at least ${neededGb}`,
      { virtualSizeBytes: virtualSize, neededGb, minDiskGb: wanted.minDiskGb },
    );
  }
  checkTarget(format, wanted.target);
}

/**
 * A refusal of the engine as the service calls it: a disk beyond what the engine reads is beyond every
 * limit of the service too, and a caller is told so whichever of them he meets first.
 */
export function policyErrorOf(error: unknown): unknown {
  if (!(error instanceof DiskError) || error.kind !== 'disk-too-large') return error;
  const { value, limit } = error.where;
  if (limit !== limits.virtualSizeBytes) return error;
  const facts = { virtualSizeBytes: value, limitBytes: limit };
  return new DomainError('virtual-size-too-large', error.message, facts, { cause: error });
}

function checkTarget(found: FormatName, target: string): void {
  if (target === 'keep') return;
  if (isFormat(target) && (isSameFormat(found, target) || isWritable(target))) return;
  throw new DomainError(
    'format-not-writable',
    `the source is ${found} and can't be stored as ${target}; set disk_format to ${writableFormats().join(', ')}`,
    { sourceFormat: found, targetFormat: target },
  );
}

/** Formats that a source can be converted to. */
export function writableFormats(): FormatName[] {
  return formatNames.filter(isWritable);
}
