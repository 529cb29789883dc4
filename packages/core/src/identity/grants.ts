import type { Database, Tx } from '../catalog/database.ts';
import {
  countEnabledHolders,
  deleteGrant,
  grantedRoles,
  insertGrant,
  listGrants,
  lockRole,
} from '../catalog/identity-grants.ts';
import { findDomain, findProject } from '../catalog/identity-projects.ts';
import { findRole, findUser } from '../catalog/identity-users.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { found, roleRecord } from './records.ts';
import {
  adminRoleId,
  managesDomain,
  refusal,
  requireGrantable,
  requireManager,
  requireUserManager,
} from './rights.ts';
import { withImplied } from './roles.ts';
import type { GrantRecord, GrantScope, NamedGrant, RoleRecord } from './types.ts';

export interface GrantQuery {
  readonly userId?: string;
  readonly roleId?: string;
  readonly scope?: GrantScope;
  /** Also the roles that the granted ones imply. */
  readonly effective?: boolean;
}

export interface Grants {
  /** Roles given to the user on the scope, without implied ones. */
  list(actor: Actor, scope: GrantScope, userId: string): Promise<RoleRecord[]>;
  has(actor: Actor, grant: GrantRecord): Promise<boolean>;
  /** Repeating it changes nothing. @throws {DomainError} `identity-not-found`, `not-authorized` */
  add(actor: Actor, grant: GrantRecord): Promise<void>;
  /** Takes effect on the next request. @throws {DomainError} `identity-not-found`, `identity-protected`, `not-authorized` */
  remove(actor: Actor, grant: GrantRecord): Promise<void>;
  assignments(actor: Actor, query: GrantQuery): Promise<NamedGrant[]>;
}

export function createGrants({ catalog, now }: IdentityContext): Grants {
  const { db } = catalog;
  return {
    async list(actor, scope, userId) {
      requireManager(actor, 'list_grants');
      await judged(db, actor, scope, userId, 'list_grants');
      const granted = await grantedRoles(db, userId, scope);
      const rows = await Promise.all(granted.map(({ id }) => findRole(db, { id })));
      return rows.flatMap((row) => (row ? [roleRecord(row)] : []));
    },
    async has(actor, { scope, userId, roleId }) {
      requireManager(actor, 'check_grant');
      await judged(db, actor, scope, userId, 'check_grant');
      return (await grantedRoles(db, userId, scope)).some(({ id }) => id === roleId);
    },
    async add(actor, { scope, userId, roleId }) {
      requireManager(actor, 'create_grant');
      await catalog.write(async (tx) => {
        const role = found(await findRole(tx, { id: roleId }), 'role', roleId);
        const user = await judged(tx, actor, scope, userId, 'create_grant');
        await requireUserManager(tx, actor, user, 'create_grant');
        requireGrantable(actor, role.name, 'create_grant');
        const target = { scope: scope.kind, scope_id: scope.id };
        await insertGrant(tx, { user_id: userId, ...target, role_id: roleId, created_at: now() });
      });
    },
    async remove(actor, { scope, userId, roleId }) {
      requireManager(actor, 'revoke_grant');
      await catalog.write(async (tx) => {
        const role = found(await findRole(tx, { id: roleId }), 'role', roleId);
        const user = await judged(tx, actor, scope, userId, 'revoke_grant');
        await requireUserManager(tx, actor, user, 'revoke_grant');
        requireGrantable(actor, role.name, 'revoke_grant');
        const key = { user_id: userId, scope: scope.kind, scope_id: scope.id, role_id: roleId };
        if (roleId === adminRoleId) await lockRole(tx, adminRoleId);
        if (!(await deleteGrant(tx, key)))
          throw new DomainError('identity-not-found', 'there is no such grant', {
            resource: 'grant',
            roleId,
            userId,
            scopeId: scope.id,
          });
        if (roleId === adminRoleId && (await countEnabledHolders(tx, adminRoleId, '')) === 0)
          throw new DomainError('identity-protected', 'the last administrator keeps his role', {
            reason: 'last-administrator',
            userId,
          });
      });
    },
    async assignments(actor, { userId, roleId, scope, effective }) {
      const only = requireManager(actor, 'list_role_assignments');
      const rows = await listGrants(db, {
        ...(userId === undefined ? {} : { userId }),
        ...(scope === undefined ? {} : { target: scope }),
        ...(roleId === undefined || effective ? {} : { roleId }),
      });
      const grants = rows.filter((row) => only === undefined || row.user_domain_id === only).map(namedGrant);
      if (!effective) return grants;
      return withImpliedGrants(grants).filter((grant) => roleId === undefined || grant.roleId === roleId);
    },
  };
}

/** User and scope exist, and the actor may deal with both. */
async function judged(db: Database | Tx, actor: Actor, scope: GrantScope, userId: string, rule: string) {
  const user = found(await findUser(db, { id: userId }), 'user', userId);
  const domainId =
    scope.kind === 'domain'
      ? found(await findDomain(db, { id: scope.id }), 'domain', scope.id).id
      : found(await findProject(db, { id: scope.id }), 'project', scope.id).domain_id;
  if (!managesDomain(actor, domainId) || !managesDomain(actor, user.domain_id)) throw refusal(rule);
  return user;
}

function namedGrant(row: Awaited<ReturnType<typeof listGrants>>[number]): NamedGrant {
  return {
    userId: row.user_id,
    roleId: row.role_id,
    scope: { kind: row.scope, id: row.scope_id },
    userName: row.user_name,
    userDomain: { id: row.user_domain_id, name: row.user_domain_name },
    roleName: row.role_name,
    scopeName: row.project_name ?? row.domain_name ?? row.scope_id,
    scopeDomain:
      row.project_domain_id === null
        ? undefined
        : { id: row.project_domain_id, name: row.project_domain_name ?? row.project_domain_id },
  };
}

/** Each grant followed by those it implies; none twice for one user and scope. */
function withImpliedGrants(grants: readonly NamedGrant[]): NamedGrant[] {
  const seen = new Map<string, NamedGrant>();
  for (const grant of grants) {
    for (const role of withImplied([{ id: grant.roleId, name: grant.roleName }])) {
      const key = `${grant.userId} ${grant.scope.kind} ${grant.scope.id} ${role.id}`;
      if (!seen.has(key)) seen.set(key, { ...grant, roleId: role.id, roleName: role.name });
    }
  }
  return [...seen.values()];
}
