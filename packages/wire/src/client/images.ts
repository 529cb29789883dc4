import type { Session } from './session.ts';

/** An image as the API shows it; `__*` attributes and extension attributes are strings. */
export interface ImageView {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly disk_format: string | null;
  readonly size: number | null;
  readonly virtual_size: number | null;
  readonly checksum: string | null;
  readonly os_hash_algo: string | null;
  readonly os_hash_value: string | null;
  readonly [attribute: string]: unknown;
}

export interface JobView {
  readonly status: 'INIT' | 'RUNNING' | 'SUCCESS' | 'FAIL';
  readonly job_id: string;
  readonly error_code: string | null;
  readonly fail_reason: string | null;
  readonly entities: {
    readonly image_id?: string;
    readonly process_percent?: number;
    readonly current_task?: string;
    readonly progress?: {
      readonly stage: string;
      readonly bytes_done: number;
      readonly bytes_total: number;
      readonly bytes_per_second: number;
      readonly eta_seconds: number | null;
    };
  };
}

export const createImage = (session: Session, draft: Record<string, unknown>): Promise<ImageView> =>
  session.json('POST', '/v2/images', draft);

export const showImage = (session: Session, id: string): Promise<ImageView> =>
  session.json('GET', `/v2/images/${encodeURIComponent(id)}`);

export async function deleteImage(session: Session, id: string): Promise<void> {
  await session.request('DELETE', `/v2/images/${encodeURIComponent(id)}`);
}

/** PUT /v1/cloudimages/{image_id}/upload. @returns the job's id */
export async function registerImage(session: Session, id: string, source: string): Promise<string> {
  const path = `/v1/cloudimages/${encodeURIComponent(id)}/upload`;
  return (await session.json<{ job_id: string }>('PUT', path, { image_url: source })).job_id;
}

export const showJob = (session: Session, jobId: string): Promise<JobView> =>
  session.json('GET', `/v1/${session.projectId}/jobs/${encodeURIComponent(jobId)}`);
