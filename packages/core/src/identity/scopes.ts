import type { Database, Tx } from '../catalog/database.ts';
import { grantedRoles } from '../catalog/identity-grants.ts';
import { findDomain, findProject, findProjectScope, listProjects } from '../catalog/identity-projects.ts';
import type { DomainOrName } from '../catalog/identity-projects.ts';
import { foldName, roleKeys, withImplied } from './roles.ts';
import type { RoleRef } from './roles.ts';
import type { Actor } from './actor.ts';
import type { ById, ByName, NamedUser, Scope, ScopeRequest } from './types.ts';

export interface JudgedScope {
  readonly scope: Scope;
  readonly roles: readonly RoleRef[];
}

const unscoped: JudgedScope = { scope: { kind: 'unscoped' }, roles: [] };

/**
 * A project as scope: enabled, of an enabled domain, and the user has a role in it; else undefined,
 * without saying which of them failed.
 */
export async function judgeProject(
  db: Database | Tx,
  userId: string,
  projectId: string,
): Promise<JudgedScope | undefined> {
  const project = await findProjectScope(db, projectId);
  if (!project) return undefined;
  const granted = await grantedRoles(db, userId, { kind: 'project', id: project.id });
  if (granted.length === 0) return undefined;
  const domain = { id: project.domain_id, name: project.domain_name };
  return {
    scope: { kind: 'project', id: project.id, name: project.name, domain },
    roles: withImplied(granted),
  };
}

/** A domain as scope: the user's own is always open, with whatever roles he has on it. */
export async function judgeDomain(
  db: Database | Tx,
  user: NamedUser,
  domainId: string,
): Promise<JudgedScope | undefined> {
  const domain = await findDomain(db, { id: domainId });
  if (!domain || domain.enabled !== 1) return undefined;
  const granted = await grantedRoles(db, user.id, { kind: 'domain', id: domain.id });
  if (granted.length === 0 && domain.id !== user.domain.id) return undefined;
  return { scope: { kind: 'domain', id: domain.id, name: domain.name }, roles: withImplied(granted) };
}

/** @returns undefined when the user can't have that scope */
export async function judgeRequest(
  db: Database | Tx,
  user: NamedUser,
  defaultProjectId: string | null,
  request: ScopeRequest,
): Promise<JudgedScope | undefined> {
  switch (request.kind) {
    case 'unscoped':
      return unscoped;
    case 'default':
      return (defaultProjectId && (await judgeProject(db, user.id, defaultProjectId))) || unscoped;
    case 'domain': {
      const domain = await findDomain(db, domainKey(request.domain));
      return domain && (await judgeDomain(db, user, domain.id));
    }
    case 'project': {
      const id = await findProjectId(db, user, request.project);
      return id === undefined ? undefined : await judgeProject(db, user.id, id);
    }
    case 'system':
      return undefined; // nobody has a role on the whole system
  }
}

async function findProjectId(
  db: Database | Tx,
  user: NamedUser,
  project: ById | (ByName & { readonly domain?: ById | ByName }),
): Promise<string | undefined> {
  if ('id' in project) return project.id;
  const domain = project.domain ? await findDomain(db, domainKey(project.domain)) : { id: user.domain.id };
  if (!domain) return undefined;
  return (await findProject(db, { domainId: domain.id, nameKey: foldName(project.name) }))?.id;
}

/** The project of a key or login that names none: the user's default, else his only one. */
export async function usualProject(
  db: Database | Tx,
  userId: string,
  defaultProjectId: string | null,
): Promise<JudgedScope | undefined> {
  if (defaultProjectId !== null) {
    const judged = await judgeProject(db, userId, defaultProjectId);
    if (judged) return judged;
  }
  const [only, second] = await listProjects(db, { memberId: userId, enabled: true });
  return only && !second ? await judgeProject(db, userId, only.id) : undefined;
}

export function domainKey(domain: ById | ByName): DomainOrName {
  return 'id' in domain ? { id: domain.id } : { nameKey: foldName(domain.name) };
}

export function makeActor(user: NamedUser, { scope, roles }: JudgedScope, auditId: string): Actor {
  const keys = roleKeys(roles);
  return {
    userId: user.id,
    userName: user.name,
    domainId: user.domain.id,
    domainName: user.domain.name,
    ...(scope.kind === 'project' ? { projectId: scope.id, projectName: scope.name } : {}),
    roles: keys,
    isAdmin: keys.has('admin'),
    auditId,
  };
}
