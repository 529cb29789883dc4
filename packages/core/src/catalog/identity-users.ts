import type { Database, Tx } from './database.ts';
import type { FirstStartRow, RoleRow, UserRow } from './tables/identity.ts';

export async function findUser(
  db: Database | Tx,
  which: { readonly id: string } | { readonly domainId: string; readonly nameKey: string },
): Promise<UserRow | undefined> {
  const query = db.selectFrom('users').selectAll();
  return await (
    'id' in which
      ? query.where('id', '=', which.id)
      : query.where('domain_id', '=', which.domainId).where('name_key', '=', which.nameKey)
  ).executeTakeFirst();
}

export interface UserFilter {
  readonly nameKey?: string;
  readonly domainId?: string;
  readonly enabled?: boolean;
}

/** In the order of their names. */
export async function listUsers(db: Database | Tx, filter: UserFilter): Promise<UserRow[]> {
  let query = db.selectFrom('users').selectAll();
  if (filter.nameKey !== undefined) query = query.where('name_key', '=', filter.nameKey);
  if (filter.domainId !== undefined) query = query.where('domain_id', '=', filter.domainId);
  if (filter.enabled !== undefined) query = query.where('enabled', '=', filter.enabled ? 1 : 0);
  return await query.orderBy('name_key').orderBy('id').execute();
}

export async function insertUser(tx: Tx, row: UserRow): Promise<void> {
  await tx.insertInto('users').values(row).execute();
}

/** @param killTokens older tokens of the user die with this change */
export async function updateUser(
  tx: Tx,
  id: string,
  change: Partial<UserRow>,
  killTokens: boolean,
): Promise<void> {
  let query = tx.updateTable('users').where('id', '=', id);
  if (killTokens) query = query.set((e) => ({ credential_version: e('credential_version', '+', 1) }));
  else if (Object.keys(change).length === 0) return;
  await query.set(change).execute();
}

/** Hold the user's row until the transaction ends: who counts what he has next, waits. */
export async function lockUser(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('users')
    .set((e) => ({ enabled: e.ref('enabled') }))
    .where('id', '=', id)
    .execute();
}

/** Tokens, grants and access keys go with the user. */
export async function deleteUser(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('users').where('id', '=', id).execute();
}

export async function findRole(
  db: Database | Tx,
  which: { readonly id: string } | { readonly nameKey: string },
): Promise<RoleRow | undefined> {
  const query = db.selectFrom('roles').selectAll();
  return await (
    'id' in which ? query.where('id', '=', which.id) : query.where('name_key', '=', which.nameKey)
  ).executeTakeFirst();
}

export async function listRoles(db: Database | Tx): Promise<RoleRow[]> {
  return await db.selectFrom('roles').selectAll().orderBy('name_key').execute();
}

/** Roles that are there already stay as they are. */
export async function insertRoles(tx: Tx, rows: readonly RoleRow[]): Promise<void> {
  await tx
    .insertInto('roles')
    .values(rows)
    .onConflict((c) => c.doNothing())
    .execute();
}

export async function updateRole(tx: Tx, id: string, change: Partial<RoleRow>): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await tx.updateTable('roles').set(change).where('id', '=', id).execute();
}

export async function deleteRole(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('roles').where('id', '=', id).execute();
}

export async function findFirstStart(db: Database | Tx): Promise<FirstStartRow | undefined> {
  return await db.selectFrom('first_start').selectAll().executeTakeFirst();
}

export async function insertFirstStart(tx: Tx, row: FirstStartRow): Promise<void> {
  await tx.insertInto('first_start').values(row).execute();
}
