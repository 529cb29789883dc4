import type { Database, Tx } from './database.ts';
import type { GrantRow, GrantScopeKind } from './tables/identity.ts';

export interface GrantTarget {
  readonly kind: GrantScopeKind;
  readonly id: string;
}

/** The roles that a user was given on a project or domain, without implied ones. */
export async function grantedRoles(
  db: Database | Tx,
  userId: string,
  target: GrantTarget,
): Promise<{ id: string; name: string }[]> {
  return await db
    .selectFrom('grants as g')
    .innerJoin('roles as r', 'r.id', 'g.role_id')
    .where('g.user_id', '=', userId)
    .where('g.scope', '=', target.kind)
    .where('g.scope_id', '=', target.id)
    .select(['r.id', 'r.name'])
    .orderBy('r.name')
    .execute();
}

/** A repeated grant changes nothing. */
export async function insertGrant(tx: Tx, row: GrantRow): Promise<void> {
  await tx
    .insertInto('grants')
    .values(row)
    .onConflict((c) => c.columns(['user_id', 'scope', 'scope_id', 'role_id']).doNothing())
    .execute();
}

export async function deleteGrant(tx: Tx, key: Omit<GrantRow, 'created_at'>): Promise<boolean> {
  const result = await tx
    .deleteFrom('grants')
    .where('user_id', '=', key.user_id)
    .where('scope', '=', key.scope)
    .where('scope_id', '=', key.scope_id)
    .where('role_id', '=', key.role_id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function deleteGrantsOn(tx: Tx, target: GrantTarget): Promise<void> {
  await tx.deleteFrom('grants').where('scope', '=', target.kind).where('scope_id', '=', target.id).execute();
}

export interface GrantFilter {
  readonly userId?: string;
  readonly roleId?: string;
  readonly target?: GrantTarget;
}

/** Grants with the names of user, role and target; in the order of user, target, role. */
export async function listGrants(db: Database | Tx, filter: GrantFilter) {
  let query = db
    .selectFrom('grants as g')
    .innerJoin('users as u', 'u.id', 'g.user_id')
    .innerJoin('domains as ud', 'ud.id', 'u.domain_id')
    .innerJoin('roles as r', 'r.id', 'g.role_id')
    .leftJoin('projects as p', (j) => j.onRef('p.id', '=', 'g.scope_id').on('g.scope', '=', 'project'))
    .leftJoin('domains as pd', 'pd.id', 'p.domain_id')
    .leftJoin('domains as d', (j) => j.onRef('d.id', '=', 'g.scope_id').on('g.scope', '=', 'domain'))
    .select([
      'g.user_id',
      'g.role_id',
      'g.scope',
      'g.scope_id',
      'u.name as user_name',
      'ud.id as user_domain_id',
      'ud.name as user_domain_name',
      'r.name as role_name',
      'p.name as project_name',
      'pd.id as project_domain_id',
      'pd.name as project_domain_name',
      'd.name as domain_name',
    ]);
  if (filter.userId !== undefined) query = query.where('g.user_id', '=', filter.userId);
  if (filter.roleId !== undefined) query = query.where('g.role_id', '=', filter.roleId);
  if (filter.target)
    query = query.where('g.scope', '=', filter.target.kind).where('g.scope_id', '=', filter.target.id);
  return await query
    .orderBy('g.user_id')
    .orderBy('g.scope')
    .orderBy('g.scope_id')
    .orderBy('r.name')
    .execute();
}

/** How many enabled users hold the role anywhere, `exceptUserId` not counted. */
export async function countEnabledHolders(tx: Tx, roleId: string, exceptUserId: string): Promise<number> {
  const row = await tx
    .selectFrom('grants as g')
    .innerJoin('users as u', 'u.id', 'g.user_id')
    .where('g.role_id', '=', roleId)
    .where('u.enabled', '=', 1)
    .where('u.id', '!=', exceptUserId)
    .select((e) => e.fn.count<number>('u.id').distinct().as('holders'))
    .executeTakeFirstOrThrow();
  return Number(row.holders);
}

/** Hold the role's row until the transaction ends: who counts its holders next, waits. */
export async function lockRole(tx: Tx, roleId: string): Promise<void> {
  await tx
    .updateTable('roles')
    .set((e) => ({ builtin: e.ref('builtin') }))
    .where('id', '=', roleId)
    .execute();
}
