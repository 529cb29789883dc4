import type { ErrorKind, Job } from '@imageyard/core';
import type { WireJob } from '@imageyard/wire';
import { errorRow, isErrorKind } from '../../errors/table.ts';
import { contentKinds, imsText } from './errors.ts';

const statuses = { queued: 'INIT', running: 'RUNNING', done: 'SUCCESS', failed: 'FAIL' } as const;
const jobTypes = { register: 'imsNativeImportImageJob' } as const;

/** A job as the IMS API shows it. `entities.image_id` is there from the first poll to the last. */
export function jobView(job: Job): WireJob {
  const failure = job.state === 'failed' ? failureOf(job) : undefined;
  return {
    status: statuses[job.state],
    job_id: job.id,
    job_type: jobTypes[job.kind],
    begin_time: new Date(job.createdAt).toISOString(),
    end_time: job.endedAt === null ? '' : new Date(job.endedAt).toISOString(),
    error_code: failure?.code ?? null,
    fail_reason: failure?.text ?? null,
    entities: {
      ...(job.imageId === null ? {} : { image_id: job.imageId }),
      ...progressOf(job),
      ...(failure ? { error_code: failure.code, error: failure.text } : {}),
    },
  };
}

function progressOf(job: Job): Partial<WireJob['entities']> {
  const { progress } = job;
  if (job.state === 'done') return { process_percent: 1, current_task: 'done', ...detailOf(job) };
  if (!progress) return { process_percent: 0, current_task: job.state === 'failed' ? 'failed' : 'queued' };
  return { process_percent: progress.fraction, current_task: progress.stage, ...detailOf(job) };
}

function detailOf({ progress }: Job): Pick<WireJob['entities'], 'progress'> {
  if (!progress) return {};
  return {
    progress: {
      stage: progress.stage,
      bytes_done: progress.bytesDone,
      bytes_total: progress.bytesTotal,
      bytes_per_second: Math.round(progress.bytesPerSecond),
      eta_seconds: progress.etaSeconds === null ? null : Math.round(progress.etaSeconds),
    },
  };
}

/** Code and full sentence of a failed job; kinds of other releases are the general failure. */
function failureOf(job: Job): { code: string; text: string } {
  const kind = job.error?.kind ?? 'internal';
  const code = (isErrorKind(kind) ? errorRow(kind as ErrorKind, job.error?.facts).ims : null) ?? 'IMG.1075';
  const message = job.error?.message ?? '';
  const speaks = contentKinds.has(kind) || kind.startsWith('disk-');
  return { code, text: imsText(code, job.error?.facts ?? {}, speaks ? message : '') };
}
