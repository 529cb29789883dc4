import type { Database, Tx } from '../catalog/database.ts';
import { listGrants } from '../catalog/identity-grants.ts';
import type { UserRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import { can } from './policy.ts';
import { builtinRoleByName } from './roles.ts';

export const adminRoleId = builtinRoleByName('admin')!.id;

/** @param rule e.g. `create_project`, for the words of the refusal */
export function refusal(rule: string): DomainError {
  return new DomainError('not-authorized', `the credential's roles do not allow ${rule}`, { rule });
}

/** @throws {DomainError} `not-authorized` */
export function requireAdmin(actor: Actor, rule: string): void {
  if (!can(actor, 'identity-admin')) throw refusal(rule);
}

/** Administrators everywhere, security administrators in their own domain. */
export function managesDomain(actor: Actor, domainId: string): boolean {
  return can(actor, 'identity-admin') || (can(actor, 'identity-users') && actor.domainId === domainId);
}

/** @returns the domain that a security administrator is confined to; undefined for an administrator */
export function requireManager(actor: Actor, rule: string): string | undefined {
  if (can(actor, 'identity-admin')) return undefined;
  if (can(actor, 'identity-users')) return actor.domainId;
  throw refusal(rule);
}

/**
 * May the actor change this user's account, keys or grants? A security administrator may not touch
 * anyone who is an administrator somewhere: a new password would make him one.
 */
export async function requireUserManager(
  db: Database | Tx,
  actor: Actor,
  user: Pick<UserRow, 'id' | 'domain_id'>,
  rule: string,
): Promise<void> {
  if (can(actor, 'identity-admin')) return;
  if (!managesDomain(actor, user.domain_id)) throw refusal(rule);
  const grants = await listGrants(db, { userId: user.id, roleId: adminRoleId });
  if (grants.length > 0) throw refusal(rule);
}

/** Nobody but an administrator hands on a role that he lacks, and nobody hands on a reserved one. */
export function requireGrantable(actor: Actor, roleName: string, rule: string): void {
  const builtin = builtinRoleByName(roleName);
  if (builtin && !builtin.grantable) throw refusal(rule);
  if (can(actor, 'identity-admin')) return;
  if (!actor.roles.has(roleName.toLowerCase())) throw refusal(rule);
}
