import { forgetAttemptBlob } from '../blob/attempt.ts';
import type { WholeHashes } from '../blob/hashes.ts';
import { attemptBlobs, findBlob } from '../catalog/blobs.ts';
import { failJob } from '../catalog/jobs.ts';
import type { JobFailure } from '../catalog/jobs.ts';
import { DomainError } from '../errors.ts';
import { leaseLost } from '../job/failure.ts';
import type { Attempt, JobHandler } from '../job/handler.ts';
import type { TransferDeps } from './deps.ts';
import { imageDataOf } from './image-data.ts';
import type { CheckedFacts, RegisterInput } from './register-state.ts';
import { checkpointOf, registerVersion } from './register-state.ts';
import { activateStep } from './steps/activate.ts';
import { checkPolicy } from './steps/check.ts';
import { convertStep } from './steps/convert.ts';
import { detectStep } from './steps/detect.ts';
import { planTransfer, stageShares } from './steps/plan.ts';
import type { TransferPlan } from './steps/plan.ts';
import { verifyStep } from './steps/verify.ts';

/** The way of a bucket object to an active image: detect, check, plan, convert and hash, verify, activate. */
export function registerJob(deps: TransferDeps): JobHandler {
  return {
    kind: 'register',
    version: registerVersion,
    run: (attempt) => run(deps, attempt),
    fail: (attempt, failure) => fail(deps, attempt, failure),
    // Any file does: starting the thread that checks is what takes time.
    warmUp: async () => void (await deps.engine.checkSource({ kind: 'file', path: process.execPath })),
  };
}

async function run(deps: TransferDeps, attempt: Attempt): Promise<void> {
  const input = attempt.input as RegisterInput;
  const state = checkpointOf(attempt.checkpoint);
  try {
    const checked = state?.checked ?? factsOf(await detectStep(deps, attempt, input));
    attempt.progress.enter('check');
    checkPolicy(checked, input, deps.settings);
    const plan = state?.plan ?? planTransfer(checked, input.target, input.source);
    const hashesKnown = await areHashesKnown(deps, input);
    attempt.progress.plan(stageShares(plan, checked, hashesKnown));
    attempt.progress.leave('check');
    if (plan.kind === 'keep') await keep(deps, attempt, input, checked, plan);
    else await convert(deps, attempt, input, checked, plan, state);
  } catch (error) {
    await forgetWritten(deps, attempt); // where the job was ended from outside
    throw error;
  }
  // The object may have been deleted while the job held its bytes.
  await deps.blobs.drop(input.source.blobId);
}

type Convert = TransferPlan & { kind: 'convert' };

/** The image refers to the object's bytes: nothing is read but what hashes are missing. */
async function keep(
  deps: TransferDeps,
  attempt: Attempt,
  input: RegisterInput,
  checked: CheckedFacts,
  plan: TransferPlan,
): Promise<void> {
  const { blobId, sizeBytes } = input.source;
  const digests = await hashesOf(deps, attempt, input);
  const { format } = plan;
  const stored = { blobId, sizeBytes, virtualSizeBytes: checked.virtualSize, digests, format };
  const data = imageDataOf(deps.settings, stored, originOf(input));
  await activateStep(deps, attempt, input.imageId, data, undefined);
}

async function convert(
  deps: TransferDeps,
  attempt: Attempt,
  input: RegisterInput,
  checked: CheckedFacts,
  plan: Convert,
  state: ReturnType<typeof checkpointOf>,
): Promise<void> {
  const converted = await convertStep(deps, attempt, input, { checked, plan }, state);
  const { format, virtualSize } = await verifyStep(deps, attempt, plan, converted);
  const { blobId, written } = converted;
  const digests = written.digests as WholeHashes;
  const size = written.fileSize;
  const stored = { blobId, sizeBytes: size, virtualSizeBytes: virtualSize, digests, format: plan.format };
  const data = imageDataOf(deps.settings, stored, originOf(input));
  await activateStep(deps, attempt, input.imageId, data, { size, digests, format, virtualSize });
}

async function hashesOf(deps: TransferDeps, attempt: Attempt, input: RegisterInput): Promise<WholeHashes> {
  const { blobId, sizeBytes } = input.source;
  const { signal, progress } = attempt;
  if (await areHashesKnown(deps, input)) return deps.blobs.ensureHashes(blobId, { signal });
  progress.enter('hash', sizeBytes);
  const leave = await attempt.enterHeavy();
  try {
    const onProgress = (done: number, total: number): void => progress.update('hash', done, total);
    return await deps.blobs.ensureHashes(blobId, { signal, onProgress });
  } finally {
    leave();
    progress.leave('hash');
  }
}

async function areHashesKnown(deps: TransferDeps, input: RegisterInput): Promise<boolean> {
  const row = await findBlob(deps.catalog.db, input.source.blobId);
  return Boolean(row?.md5 && row.sha256 && row.sha512);
}

function originOf({ source }: RegisterInput): Record<string, string> {
  return { __data_origin: `file,${source.bucket}:${source.key}`, __root_origin: 'file' };
}

function factsOf({ format, fileSize, virtualSize, canonical, dataBytes }: CheckedFacts): CheckedFacts {
  return { format, fileSize, virtualSize, canonical, dataBytes };
}

/** One transaction: job failed, image killed. Then the bytes, which nobody can reach any more. */
async function fail(deps: TransferDeps, attempt: Attempt, failure: JobFailure): Promise<void> {
  const { catalog, images, now } = deps;
  const input = attempt.input as RegisterInput;
  await catalog.write(async (tx) => {
    if (!(await failJob(tx, catalog.engine, attempt.lease, failure, now))) throw leaseLost(attempt.jobId);
    await images.fail(tx, input.imageId);
  });
  await forgetWritten(deps, attempt);
  await deps.blobs.drop(input.source.blobId);
}

/** Remove what this job's attempt wrote, once the job is final. */
async function forgetWritten(deps: TransferDeps, attempt: Attempt): Promise<void> {
  const ids = await attemptBlobs(deps.catalog.db, attempt.lease);
  for (const id of ids) await forgetAttemptBlob(deps, id, attempt.lease);
}

/** What a job that was ended with its image says. */
export const imageDeleted: JobFailure = (() => {
  const { kind, message, facts } = new DomainError('job-cancelled', 'image deleted');
  return { kind, message, facts };
})();
