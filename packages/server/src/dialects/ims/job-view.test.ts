import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '@imageyard/core';
import { jobSchema } from '@imageyard/wire';
import { Compile } from 'typebox/compile';
import { jobView } from './job-view.ts';

const checked = Compile(jobSchema);
const job: Job = {
  id: 'b912fb4a4c464b568ecfca1071b21b10',
  projectId: 'p',
  kind: 'register',
  state: 'queued',
  imageId: '4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86',
  createdAt: Date.UTC(2024, 10, 6, 7, 14, 54, 848),
  startedAt: null,
  endedAt: null,
  progress: null,
  source: null,
  error: null,
};

test('a running job shows stage, share and rate, and no end', () => {
  const view = jobView({
    ...job,
    state: 'running',
    progress: {
      stage: 'convert',
      bytesDone: 5,
      bytesTotal: 10,
      bytesPerSecond: 2.4,
      etaSeconds: 2.1,
      fraction: 0.45,
    },
  });
  assert.ok(checked.Check(view));
  assert.deepEqual(view, {
    status: 'RUNNING',
    job_id: job.id,
    job_type: 'imsNativeImportImageJob',
    begin_time: '2024-11-06T07:14:54.848Z',
    end_time: '',
    error_code: null,
    fail_reason: null,
    entities: {
      image_id: job.imageId,
      process_percent: 0.45,
      current_task: 'convert',
      progress: { stage: 'convert', bytes_done: 5, bytes_total: 10, bytes_per_second: 2, eta_seconds: 2 },
    },
  });
});

test('a finished job is at 1 and has its end', () => {
  const view = jobView({ ...job, state: 'done', endedAt: job.createdAt + 1000 });
  assert.deepEqual(
    [view.status, view.end_time, view.entities.process_percent, view.entities.image_id],
    ['SUCCESS', '2024-11-06T07:14:55.848Z', 1, job.imageId],
  );
});

const failures: readonly [kind: string, message: string, code: string, text: RegExp][] = [
  [
    'disk-truncated',
    'qcow2: cut short (l1_size at byte 36); upload it again',
    'IMG.0057',
    /^The image file is empty, .* to access the file\. qcow2: cut short \(l1_size at byte 36\); upload it again$/,
  ],
  ['source-changed', 'the object was overwritten', 'IMG.0057', /the object was overwritten$/],
  [
    'min-disk-too-small',
    'needs 3 GB, min_disk is 2',
    'IMG.0055',
    /^The memory or disk size is invalid\. needs 3 GB/,
  ],
  ['virtual-size-too-large', 'too large', 'IMG.0111', /too large$/],
  ['job-cancelled', 'image deleted', 'IMG.1075', /^Failed to register the image file\. image deleted$/],
  ['storage-full', '/var/secret is full', 'IMG.1075', /^Failed to register the image file\.$/],
  ['internal', 'TypeError: x is not a function', 'IMG.1075', /^Failed to register the image file\.$/],
  ['kind-of-a-later-release', 'whatever', 'IMG.1075', /^Failed to register the image file\.$/],
];
for (const [kind, message, code, text] of failures)
  test(`a job that failed with ${kind} says ${code}, beside and inside its entities`, () => {
    const view = jobView({ ...job, state: 'failed', endedAt: job.createdAt, error: { kind, message } });
    assert.ok(checked.Check(view));
    assert.equal(view.status, 'FAIL');
    assert.equal(view.error_code, code);
    assert.match(view.fail_reason ?? '', text);
    assert.deepEqual(
      [view.entities.image_id, view.entities.error_code, view.entities.error],
      [job.imageId, code, view.fail_reason],
    );
  });
