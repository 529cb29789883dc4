import type { CheckedSource, Digests } from '@imageyard/engine/node';
import type { TransferPlan } from './steps/plan.ts';

/** Version of `input` and of checkpoints; an unknown checkpoint restarts its job. */
export const registerVersion = 1;

/** What a register job was accepted with. */
export interface RegisterInput {
  readonly imageId: string;
  /** The pinned object: these bytes, whatever happens to the key. */
  readonly source: {
    readonly bucket: string;
    readonly key: string;
    readonly etag: string;
    readonly generation: string;
    readonly blobId: string;
    readonly sizeBytes: number;
  };
  /** Stored format, or `keep`. */
  readonly target: string;
  readonly minDiskGb: number;
}

/** What the check found, without its evidence: enough for the steps behind it. */
export type CheckedFacts = Pick<
  CheckedSource,
  'format' | 'fileSize' | 'virtualSize' | 'canonical' | 'dataBytes'
>;

/** A written file: durable, hashed, not yet visible. */
export interface WrittenFile {
  readonly fileSize: number;
  readonly virtualSize: number;
  readonly digests: Digests;
}

/** What the next attempt needs to go on. */
export interface RegisterCheckpoint {
  readonly version: typeof registerVersion;
  readonly checked: CheckedFacts;
  readonly plan: TransferPlan & { readonly kind: 'convert' };
  readonly blobId: string;
  readonly written?: WrittenFile;
}

/** A stored checkpoint, unless another version of the program wrote it. */
export function checkpointOf(stored: unknown): RegisterCheckpoint | undefined {
  const known = stored as RegisterCheckpoint | undefined;
  return known?.version === registerVersion ? known : undefined;
}
