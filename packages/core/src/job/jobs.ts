import type { Catalog } from '../catalog/database.ts';
import { findJob } from '../catalog/jobs.ts';
import type { JobRow } from '../catalog/tables/jobs.ts';
import { DomainError } from '../errors.ts';
import type { Job, JobProgress, Jobs } from './types.ts';

export function createJobs(catalog: Catalog): Jobs {
  return {
    async get(projectId, jobId) {
      const row = /^[0-9a-f]{32}$/.test(jobId) ? await findJob(catalog.db, jobId) : undefined;
      if (row?.project_id !== projectId) throw new DomainError('job-not-found', 'no such job', { jobId });
      return jobOf(row);
    },
  };
}

/** A row in the words of the room. */
export function jobOf(row: JobRow): Job {
  const input = JSON.parse(row.input) as { source?: { bucket: string; key: string; etag: string } };
  const progress = row.progress === null ? null : (JSON.parse(row.progress) as JobProgress);
  return {
    id: row.id,
    projectId: row.project_id,
    kind: 'register',
    state: row.state,
    imageId: row.image_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    progress: row.state === 'done' ? finished(progress) : progress,
    source: input.source
      ? { bucket: input.source.bucket, key: input.source.key, etag: input.source.etag }
      : null,
    error:
      row.error_kind === null
        ? null
        : {
            kind: row.error_kind,
            message: row.error_message ?? '',
            facts: JSON.parse(row.error_facts ?? '{}') as Record<string, unknown>,
          },
  };
}

/** The end as it was, not as it was last written down. */
function finished(progress: JobProgress | null): JobProgress {
  const total = progress?.bytesTotal ?? 0;
  return {
    stage: 'activate',
    bytesDone: total,
    bytesTotal: total,
    bytesPerSecond: 0,
    etaSeconds: 0,
    fraction: 1,
  };
}
