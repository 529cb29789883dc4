import type { CheckedSource } from '@imageyard/engine/node';
import { setBlobInspection } from '../../catalog/blobs.ts';
import type { Attempt } from '../../job/handler.ts';
import type { TransferDeps } from '../deps.ts';
import type { RegisterInput } from '../register-state.ts';
import { policyErrorOf } from './check.ts';

/** Findings kept with a blob; a file with thousands of notes is not worth a row of megabytes. */
const keptFindings = 100;

/**
 * What the object is: headers and tables alone are read, no data.
 * @throws {DiskError} the first rule that the file breaks
 * @throws {DomainError} `virtual-size-too-large`
 */
export async function detectStep(
  deps: TransferDeps,
  attempt: Attempt,
  input: RegisterInput,
): Promise<CheckedSource> {
  attempt.progress.enter('detect');
  const source = await deps.blobs.describe(input.source.blobId);
  const checked = await deps.engine
    .checkSource(source, {
      signal: attempt.signal,
      // An optical disc that also boots from a stick has two faces; who asks for `iso` means one.
      ...(input.target === 'iso' ? { stated: 'iso' as const } : {}),
    })
    .catch((error: unknown) => {
      throw policyErrorOf(error);
    });
  await keepInspection(deps, input.source.blobId, checked);
  attempt.progress.leave('detect');
  return checked;
}

/** A blob doesn't change: what was found holds for good. */
export async function keepInspection(
  deps: Pick<TransferDeps, 'catalog'>,
  blobId: string,
  checked: CheckedSource,
): Promise<void> {
  const { format, virtualSize, facts, findings } = checked;
  const report = JSON.stringify({ facts, findings: findings.slice(0, keptFindings) });
  await deps.catalog.write((tx) => setBlobInspection(tx, blobId, { format, virtualSize, report }));
}
