import { roleSpellings } from '@imageyard/core';
import type {
  AccessKeyRecord,
  DomainRecord,
  NamedGrant,
  ProjectRecord,
  RoleRecord,
  RoleRef,
  TokenDetails,
  UserRecord,
} from '@imageyard/core';
import type { keystone } from '@imageyard/wire';
import type { FastifyRequest } from '../../http/fastify.ts';
import type { Tree } from './deps.ts';
import { linkTo, selfLink } from './links.ts';

/** `2026-11-24T09:09:25.123000Z`: Go parses RFC 3339 and fails the login without the `Z`. */
export function keystoneTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

export function projectView(
  tree: Tree,
  request: FastifyRequest,
  project: ProjectRecord,
): keystone.WireProject {
  return {
    ...project.extras,
    id: project.id,
    name: project.name,
    domain_id: project.domainId,
    description: project.description,
    enabled: project.enabled,
    parent_id: project.domainId,
    is_domain: false,
    tags: [],
    options: {},
    links: selfLink(tree, request, `/projects/${project.id}`),
  };
}

/** Never a password, nor its hash. */
export function userView(tree: Tree, request: FastifyRequest, user: UserRecord): keystone.WireUser {
  return {
    ...user.extras,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    ...(user.defaultProjectId === undefined ? {} : { default_project_id: user.defaultProjectId }),
    password_expires_at: null,
    options: {},
    links: selfLink(tree, request, `/users/${user.id}`),
  };
}

/** @param spelling which of its names to show it under */
export function roleView(
  tree: Tree,
  request: FastifyRequest,
  role: RoleRecord,
  spelling = role.name,
): keystone.WireRole {
  return {
    id: role.id,
    name: spelling,
    ...(role.spellings.length > 1 ? { display_name: role.spellings.at(-1)! } : {}),
    domain_id: null,
    description: role.description ?? null,
    options: role.builtin ? { immutable: true } : {},
    links: selfLink(tree, request, `/roles/${role.id}`),
  };
}

export function domainView(tree: Tree, request: FastifyRequest, domain: DomainRecord): keystone.WireDomain {
  return {
    ...domain,
    tags: [],
    options: {},
    links: selfLink(tree, request, `/domains/${domain.id}`),
  };
}

/** A role with several names stands there under each: policies of other services know one or the other. */
function tokenRoles(roles: readonly RoleRef[]): { id: string; name: string }[] {
  return roles.flatMap(({ id, name }) => roleSpellings(name).map((spelling) => ({ id, name: spelling })));
}

/** @param catalog undefined: the client did not want it */
export function tokenView(
  details: TokenDetails,
  catalog: keystone.WireCatalogEntry[] | undefined,
): { token: keystone.WireToken } {
  const { user, scope } = details;
  const shown = {
    methods: [...details.methods],
    user: { domain: { ...user.domain }, id: user.id, name: user.name, password_expires_at: null },
    audit_ids: [...details.auditIds],
    expires_at: keystoneTime(details.expiresAt),
    issued_at: keystoneTime(details.issuedAt),
  };
  if (scope.kind === 'unscoped') return { token: shown };
  const rights = { roles: tokenRoles(details.roles), ...(catalog ? { catalog } : {}) };
  const { id, name } = scope;
  return scope.kind === 'domain'
    ? { token: { ...shown, domain: { id, name }, ...rights } }
    : {
        token: { ...shown, project: { domain: { ...scope.domain }, id, name }, is_domain: false, ...rights },
      };
}

/** @param named with the names that belong to the ids */
export function assignmentView(
  tree: Tree,
  request: FastifyRequest,
  grant: NamedGrant,
  named: boolean,
): Record<string, unknown> {
  const { scope, userId, roleId } = grant;
  const target = {
    id: scope.id,
    ...(named ? { name: grant.scopeName } : {}),
    ...(named && grant.scopeDomain ? { domain: grant.scopeDomain } : {}),
  };
  const path = `/${scope.kind}s/${scope.id}/users/${userId}/roles/${roleId}`;
  return {
    links: { assignment: linkTo(tree, request, path) },
    scope: { [scope.kind]: target },
    user: { id: userId, ...(named ? { name: grant.userName, domain: grant.userDomain } : {}) },
    role: { id: roleId, ...(named ? { name: grant.roleName } : {}) },
  };
}

/** @param secret only in the answer that makes the key; empty afterwards */
export function ec2View(
  tree: Tree,
  request: FastifyRequest,
  key: AccessKeyRecord,
  secret = '',
): keystone.WireEc2Credential {
  return {
    user_id: key.userId,
    tenant_id: key.projectId ?? null,
    access: key.access,
    secret,
    trust_id: null,
    links: selfLink(tree, request, `/users/${key.userId}/credentials/OS-EC2/${key.access}`),
  };
}

export function accessKeyView(key: AccessKeyRecord): keystone.WireAccessKey {
  return {
    user_id: key.userId,
    access: key.access,
    create_time: keystoneTime(key.createdAt),
    description: key.description,
    status: key.active ? 'active' : 'inactive',
  };
}
