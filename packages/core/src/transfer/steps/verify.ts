import { DiskError } from '@imageyard/engine';
import type { CheckedSource } from '@imageyard/engine/node';
import { DomainError } from '../../errors.ts';
import type { Attempt } from '../../job/handler.ts';
import type { TransferDeps } from '../deps.ts';
import type { ConvertedBlob } from './convert.ts';
import type { TransferPlan } from './plan.ts';

/**
 * Look at the written file as if it came from outside: format, virtual size, structure. Its bytes
 * were read back by the hash threads already.
 * @throws {DomainError} `internal`: what we wrote is not what we meant
 */
export async function verifyStep(
  deps: TransferDeps,
  attempt: Attempt,
  plan: TransferPlan,
  { blobId, written }: ConvertedBlob,
): Promise<CheckedSource> {
  attempt.progress.enter('verify');
  const stat = await deps.store.stat(blobId);
  if (stat?.size !== written.fileSize) {
    throw wrong(`the store has ${stat?.size} bytes of ${written.fileSize}`);
  }
  const found = await deps.engine
    .checkSource(deps.store.describe(blobId), { stated: plan.format, signal: attempt.signal })
    .catch((error: unknown) => {
      throw error instanceof DiskError ? wrong(error.message, error) : error;
    });
  if (found.virtualSize !== written.virtualSize) {
    throw wrong(`it shows ${found.virtualSize} bytes instead of ${written.virtualSize}`);
  }
  attempt.progress.leave('verify');
  return found;
}

function wrong(message: string, cause?: unknown): DomainError {
  return new DomainError('internal', `the written file failed its check: ${message}`, {}, { cause });
}
