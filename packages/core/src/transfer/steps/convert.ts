import type { ConversionMark } from '@imageyard/engine/node';
import { nameAttemptBlob, openAttemptBlob } from '../../blob/attempt.ts';
import { blobHashes } from '../../blob/receive.ts';
import { findBlob } from '../../catalog/blobs.ts';
import { ownsBlob } from '../../job/guards.ts';
import type { Attempt } from '../../job/handler.ts';
import type { BlobWriter } from '../../store/blob-store.ts';
import type { TransferDeps } from '../deps.ts';
import { decodeMarks, encodeMark } from '../mark-note.ts';
import type { CheckedFacts, RegisterCheckpoint, RegisterInput, WrittenFile } from '../register-state.ts';
import { registerVersion } from '../register-state.ts';
import type { TransferPlan } from './plan.ts';

export interface ConvertedBlob {
  readonly blobId: string;
  readonly written: WrittenFile;
}

/**
 * Write the checked source as the image's file, hashed on the way; after a crash, go on from the
 * last mark. The file is published (durable under its name) and still nobody's: the row says
 * `writing` until the activation.
 * @param state what an earlier attempt kept, if it can be used
 */
export async function convertStep(
  deps: TransferDeps,
  attempt: Attempt,
  input: RegisterInput,
  work: { readonly checked: CheckedFacts; readonly plan: TransferPlan & { kind: 'convert' } },
  state: RegisterCheckpoint | undefined,
): Promise<ConvertedBlob> {
  const usable = state && (await isMine(deps, attempt, state.blobId)) ? state : undefined;
  const blobId = usable?.blobId ?? (await nameAttemptBlob(deps, attempt.lease));
  const checkpoint = { version: registerVersion, ...work, blobId } as const;
  if (!usable) await attempt.save(checkpoint, false);
  const writer = await openAttemptBlob(deps, blobId, usable !== undefined);
  try {
    let written = usable?.written;
    if (!written) {
      written = await write(deps, attempt, input, { ...work, writer, checkpoint });
      // All of it durable, then the facts about it, then its name.
      await writer.save(written.fileSize, new Uint8Array(0));
      await attempt.save({ ...checkpoint, written }, true);
    }
    attempt.progress.leave('convert');
    attempt.progress.leave('hash');
    attempt.signal.throwIfAborted();
    await writer.publish(written.fileSize);
    return { blobId, written };
  } finally {
    await writer.close();
  }
}

interface Writing {
  readonly checked: CheckedFacts;
  readonly plan: TransferPlan & { kind: 'convert' };
  readonly writer: BlobWriter;
  readonly checkpoint: RegisterCheckpoint;
}

async function write(
  deps: TransferDeps,
  attempt: Attempt,
  input: RegisterInput,
  { checked, plan, writer, checkpoint }: Writing,
): Promise<WrittenFile> {
  const { signal, progress } = attempt;
  const source = await deps.blobs.describe(input.source.blobId);
  const resume = decodeMarks(writer.mark.notes);
  progress.enter('convert', checked.dataBytes);
  const leave = await attempt.enterHeavy();
  try {
    let hashing = false;
    const { lanes } = deps.settings;
    return await deps.engine.runConversion(
      {
        source,
        sourceFormat: checked.format,
        targetPath: writer.path,
        targetFormat: plan.format,
        options: { seed: Buffer.from(plan.seed, 'hex') },
        hashes: blobHashes,
        ...(resume ? { resume } : {}),
        ...(lanes === undefined ? {} : { lanes }),
      },
      {
        signal,
        onProgress(stage, bytesDone, bytesTotal) {
          if (stage === 'hash' && !hashing) {
            hashing = true;
            progress.leave('convert');
            progress.enter('hash', bytesTotal);
          }
          progress.update(stage, bytesDone, bytesTotal);
        },
        async onMark(mark: ConversionMark) {
          await writer.save(mark.fileEnd, encodeMark(mark));
          await attempt.save(checkpoint, true);
        },
      },
    );
  } finally {
    leave();
  }
}

async function isMine(deps: TransferDeps, attempt: Attempt, blobId: string): Promise<boolean> {
  const row = await findBlob(deps.catalog.db, blobId);
  return ownsBlob(row && { state: row.state, jobId: row.job_id, fence: row.fence }, attempt.lease);
}
