import { Type } from 'typebox';
import { containerFormats, diskFormats, visibilities } from './image-schema.ts';

const nullableEnum = <T extends string>(values: readonly T[]) =>
  Type.Unsafe<T | null>({ type: ['null', 'string'], enum: [null, ...values] });
const uuid = (options: Record<string, unknown> = {}) =>
  Type.String({
    pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
    ...options,
  });
const nullableUuid = Type.Unsafe<string | null>({ ...uuid(), type: ['null', 'string'] });

/** Base attributes that a caller may write, each with its type; `POST` and `PATCH` share them. */
export const writableProperties = {
  name: Type.Unsafe<string | null>({ type: ['null', 'string'], maxLength: 255 }),
  visibility: Type.Unsafe<(typeof visibilities)[number]>({ type: 'string', enum: [...visibilities] }),
  protected: Type.Boolean(),
  os_hidden: Type.Boolean(),
  owner: Type.Unsafe<string | null>({ type: ['null', 'string'], maxLength: 255 }),
  container_format: nullableEnum(containerFormats),
  disk_format: nullableEnum(diskFormats),
  min_disk: Type.Integer(),
  min_ram: Type.Integer(),
  tags: Type.Array(Type.String({ maxLength: 255 })),
  kernel_id: nullableUuid,
  ramdisk_id: nullableUuid,
};

/** `POST /v2/images`; any other name is an extension attribute and a string. */
export const createImageBody = Type.Object(
  {
    id: Type.Optional(uuid()),
    ...(Object.fromEntries(
      Object.entries(writableProperties).map(([name, schema]) => [name, Type.Optional(schema)]),
    ) as { [K in keyof typeof writableProperties]: Type.TOptional<(typeof writableProperties)[K]> }),
  },
  { additionalProperties: Type.String({ maxLength: 65535 }) },
);
export type CreateImageBody = Type.Static<typeof createImageBody>;

/** `PATCH /v2/images/{id}`, v2.1 form. */
export const patchBody = Type.Array(
  Type.Object({
    op: Type.Union([Type.Literal('add'), Type.Literal('replace'), Type.Literal('remove')]),
    path: Type.String(),
    value: Type.Optional(Type.Unknown()),
  }),
);

export const memberBody = Type.Object({ member: Type.String({ minLength: 1, maxLength: 255 }) });
export const memberStatusBody = Type.Object({
  status: Type.Union([Type.Literal('pending'), Type.Literal('accepted'), Type.Literal('rejected')]),
});

export const glanceError = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String() }),
});
