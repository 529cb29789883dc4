import { Type } from 'typebox';
import { imageSchema } from '../glance/image-schema.ts';

/** `PUT /v1/cloudimages/{image_id}/upload`. */
export const registerBody = Type.Object({
  image_url: Type.String({
    description: 'BUCKET:OBJECT, split at the first colon',
    examples: ['ims-image:debian/12/golden'],
  }),
});

export const jobReply = Type.Object({ job_id: Type.String() });

export const imageListReply = Type.Object({ images: Type.Array(imageSchema) });

/** Honest progress of a running job, beside the documented fields. */
export const jobProgress = Type.Object({
  stage: Type.String({ description: 'detect, check, convert, hash, verify, activate' }),
  bytes_done: Type.Integer(),
  bytes_total: Type.Integer(),
  bytes_per_second: Type.Integer(),
  eta_seconds: Type.Unsafe<number | null>({ type: ['null', 'integer'] }),
});

const nullableText = Type.Unsafe<string | null>({ type: ['null', 'string'] });

/** `GET /v1/{project_id}/jobs/{job_id}`. */
export const jobSchema = Type.Object({
  status: Type.Union([
    Type.Literal('INIT'),
    Type.Literal('RUNNING'),
    Type.Literal('SUCCESS'),
    Type.Literal('FAIL'),
  ]),
  job_id: Type.String(),
  job_type: Type.String(),
  begin_time: Type.String({ description: 'UTC with milliseconds' }),
  end_time: Type.String({ description: 'empty while the job runs' }),
  error_code: nullableText,
  fail_reason: nullableText,
  entities: Type.Object({
    image_id: Type.Optional(Type.String()),
    process_percent: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    current_task: Type.Optional(Type.String()),
    progress: Type.Optional(jobProgress),
    error_code: Type.Optional(Type.String()),
    error: Type.Optional(Type.String()),
  }),
});
export type WireJob = Type.Static<typeof jobSchema>;

export const quotaReply = Type.Object({
  quotas: Type.Object({
    resources: Type.Array(
      Type.Object({
        type: Type.String(),
        used: Type.Integer(),
        quota: Type.Integer(),
        min: Type.Integer(),
        max: Type.Integer(),
      }),
    ),
  }),
});

/** `PATCH /v2/cloudimages/{image_id}`. */
export const imsPatchBody = Type.Array(
  Type.Object({
    op: Type.Union([Type.Literal('add'), Type.Literal('replace'), Type.Literal('remove')]),
    path: Type.String(),
    value: Type.Optional(Type.Unknown()),
  }),
);

export const imsError = Type.Object({
  error: Type.Object({ message: Type.String(), code: Type.String() }),
});
