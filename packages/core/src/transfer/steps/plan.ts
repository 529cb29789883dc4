import { createHash } from 'node:crypto';
import type { FormatName } from '@imageyard/engine';
import type { CheckedSource } from '@imageyard/engine/node';
import type { StageShare } from '../../job/progress.ts';
import { isFormat, isSameFormat, isWritable } from './check.ts';

/** How the image's data comes to be. */
export type TransferPlan =
  /** The object's blob is the image's blob: a reference, no byte moves. */
  | { readonly kind: 'keep'; readonly format: FormatName }
  /** `seed`: 32 hex digits from which identifiers in the file derive: one input gives one output. */
  | { readonly kind: 'convert'; readonly format: FormatName; readonly seed: string };

export interface PlannedSource {
  readonly etag: string;
  readonly sizeBytes: number;
}

/** Where a source that can't be kept as it is goes when `keep` was asked for and it can't be written. */
const fallback: FormatName = 'zvhd2';

/**
 * Keep the bytes when the source is in the wanted format and every reader gets the same disk from
 * them; otherwise convert.
 */
export function planTransfer(
  checked: Pick<CheckedSource, 'format' | 'canonical'>,
  target: string,
  source: PlannedSource,
): TransferPlan {
  const { format, canonical } = checked;
  const wanted = target === 'keep' ? format : target;
  if (!isFormat(wanted)) throw new Error(`no such format: ${wanted}`); // `checkPolicy` refused it
  if (canonical && isSameFormat(format, wanted)) return { kind: 'keep', format: wanted };
  if (isWritable(wanted)) return converting(wanted, source);
  // An ISO of an odd size stays one; what is left is `keep` of a file with a pending log or the like.
  if (wanted === 'iso') return { kind: 'keep', format: 'iso' };
  return converting(fallback, source);
}

function converting(format: FormatName, { etag, sizeBytes }: PlannedSource): TransferPlan {
  const seed = createHash('sha256').update(`${etag} ${sizeBytes} ${format}`).digest('hex').slice(0, 32);
  return { kind: 'convert', format, seed };
}

/** Bytes that pass in the time of one that is merely copied, about. */
const packingCost = { zvhd2: 4, zvhd: 4 } as Partial<Record<FormatName, number>>;
const hashCost = 1;
/** A constant for each step that reads headers or commits. */
const stepCost = 4 * 1024 * 1024;

/** The stages that are left and what each costs, for an honest percentage. */
export function stageShares(
  plan: TransferPlan,
  checked: Pick<CheckedSource, 'dataBytes' | 'virtualSize' | 'fileSize'>,
  hashesKnown: boolean,
): StageShare[] {
  const looked = [
    { stage: 'detect', weight: stepCost },
    { stage: 'check', weight: stepCost },
  ];
  const activate = { stage: 'activate', weight: stepCost };
  if (plan.kind === 'keep') {
    const hash = hashesKnown ? [] : [{ stage: 'hash', weight: checked.fileSize * hashCost }];
    return [...looked, ...hash, activate];
  }
  const packing = packingCost[plan.format];
  // A packed output is hashed while it is written, and is smaller; a plain one is hashed with its holes.
  const hashed = packing === undefined ? checked.virtualSize : checked.dataBytes / 8;
  return [
    ...looked,
    { stage: 'convert', weight: checked.dataBytes * (packing ?? 1) },
    { stage: 'hash', weight: hashed * hashCost * 0.5 },
    { stage: 'verify', weight: stepCost },
    activate,
  ];
}
