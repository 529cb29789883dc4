import { Type } from 'typebox';

/** Bodies of identity calls, inside their envelope; attributes not named here are kept and shown again. */

const name = Type.String({ minLength: 1, maxLength: 255 });
const description = Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()]));
const enabled = Type.Optional(Type.Boolean());
const id = Type.String({ minLength: 1, maxLength: 64 });
const password = Type.String();

export const projectCreate = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  domain_id: Type.Optional(Type.Union([id, Type.Null()])),
  description,
  enabled,
});
export const projectUpdate = Type.Partial(Type.Omit(projectCreate, ['domain_id']));

export const userCreate = Type.Object({
  name,
  password: Type.Optional(Type.Union([password, Type.Null()])),
  domain_id: Type.Optional(Type.Union([id, Type.Null()])),
  default_project_id: Type.Optional(Type.Union([id, Type.Null()])),
  enabled,
});
export const userUpdate = Type.Partial(Type.Omit(userCreate, ['domain_id']));

export const passwordChange = Type.Object({ original_password: password, password });

export const roleCreate = Type.Object({ name, description });
export const roleUpdate = Type.Partial(roleCreate);

export const ec2Create = Type.Object({ tenant_id: id });

export const accessKeyCreate = Type.Object({ user_id: Type.Optional(id), description });
export const accessKeyUpdate = Type.Object({
  status: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('inactive')])),
  description,
});

const byIdOrName = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) });

/** `POST /v3/auth/tokens`, as documentation; the server reads it by hand, for the sake of its texts. */
export const authRequest = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.Union([Type.Literal('password'), Type.Literal('token')]), { minItems: 1 }),
      password: Type.Optional(
        Type.Object({
          user: Type.Object({
            id: Type.Optional(Type.String()),
            name: Type.Optional(Type.String()),
            domain: Type.Optional(byIdOrName),
            password,
          }),
        }),
      ),
      token: Type.Optional(Type.Object({ id: Type.String() })),
    }),
    scope: Type.Optional(
      Type.Union([
        Type.Literal('unscoped'),
        Type.Object({
          project: Type.Optional(
            Type.Object({
              id: Type.Optional(Type.String()),
              name: Type.Optional(Type.String()),
              domain: Type.Optional(byIdOrName),
            }),
          ),
          domain: Type.Optional(byIdOrName),
        }),
      ]),
    ),
  }),
});
