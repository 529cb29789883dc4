import { Type } from 'typebox';

/** What identity calls show. */

const links = Type.Object({ self: Type.String() });
const idAndName = Type.Object({ id: Type.String(), name: Type.String() });
const withDomain = Type.Object({ id: Type.String(), name: Type.String(), domain: idAndName });
const nullable = Type.Union([Type.String(), Type.Null()]);

export const wireProject = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    domain_id: Type.String(),
    description: Type.String(),
    enabled: Type.Boolean(),
    parent_id: Type.String(),
    is_domain: Type.Boolean(),
    tags: Type.Array(Type.String()),
    options: Type.Object({}),
    links,
  },
  { additionalProperties: true },
);
export type WireProject = Type.Static<typeof wireProject>;

export const wireUser = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    domain_id: Type.String(),
    enabled: Type.Boolean(),
    default_project_id: Type.Optional(Type.String()),
    password_expires_at: Type.Null(),
    options: Type.Object({}),
    links,
  },
  { additionalProperties: true },
);
export type WireUser = Type.Static<typeof wireUser>;

export const wireRole = Type.Object({
  id: Type.String(),
  name: Type.String(),
  display_name: Type.Optional(Type.String()),
  domain_id: Type.Null(),
  description: nullable,
  options: Type.Object({ immutable: Type.Optional(Type.Boolean()) }),
  links,
});
export type WireRole = Type.Static<typeof wireRole>;

export const wireDomain = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  enabled: Type.Boolean(),
  tags: Type.Array(Type.String()),
  options: Type.Object({}),
  links,
});
export type WireDomain = Type.Static<typeof wireDomain>;

export const wireEndpoint = Type.Object({
  id: Type.String(),
  interface: Type.String(),
  region_id: Type.String(),
  url: Type.String(),
  region: Type.String(),
});
export type WireEndpoint = Type.Static<typeof wireEndpoint>;

export const wireCatalogEntry = Type.Object({
  endpoints: Type.Array(wireEndpoint),
  id: Type.String(),
  type: Type.String(),
  name: Type.String(),
});
export type WireCatalogEntry = Type.Static<typeof wireCatalogEntry>;

/** The body of a token; the token itself is only in the header `X-Subject-Token`. */
export const wireToken = Type.Object({
  methods: Type.Array(Type.String()),
  user: Type.Object({
    domain: idAndName,
    id: Type.String(),
    name: Type.String(),
    password_expires_at: Type.Null(),
  }),
  audit_ids: Type.Array(Type.String()),
  expires_at: Type.String(),
  issued_at: Type.String(),
  project: Type.Optional(withDomain),
  domain: Type.Optional(idAndName),
  is_domain: Type.Optional(Type.Boolean()),
  roles: Type.Optional(Type.Array(idAndName)),
  catalog: Type.Optional(Type.Array(wireCatalogEntry)),
});
export type WireToken = Type.Static<typeof wireToken>;

export const wireEc2Credential = Type.Object({
  user_id: Type.String(),
  tenant_id: nullable,
  access: Type.String(),
  secret: Type.String(),
  trust_id: Type.Null(),
  links,
});
export type WireEc2Credential = Type.Static<typeof wireEc2Credential>;

export const wireAccessKey = Type.Object({
  user_id: Type.String(),
  access: Type.String(),
  secret: Type.Optional(Type.String()),
  create_time: Type.String(),
  last_use_time: Type.Optional(Type.String()),
  description: Type.String(),
  status: Type.Union([Type.Literal('active'), Type.Literal('inactive')]),
});
export type WireAccessKey = Type.Static<typeof wireAccessKey>;

/** `next` is null always: Go pagers follow any string. */
export const wireListLinks = Type.Object({ next: Type.Null(), self: Type.String(), previous: Type.Null() });

/** `code` is a number here; in image bodies it is a string. */
export const wireIdentityError = Type.Object({
  error: Type.Object({ code: Type.Integer(), message: Type.String(), title: Type.String() }),
});
