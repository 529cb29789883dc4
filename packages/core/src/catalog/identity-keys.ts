import type { Database, Tx } from './database.ts';
import type { AccessKeyOrigin, AccessKeyRow } from './tables/identity.ts';

/** An active key of an enabled user of an enabled domain, with the names an actor needs. */
export async function findUsableKey(db: Database | Tx, access: string) {
  return await db
    .selectFrom('access_keys as k')
    .innerJoin('users as u', 'u.id', 'k.user_id')
    .innerJoin('domains as d', 'd.id', 'u.domain_id')
    .where('k.access', '=', access)
    .where('k.active', '=', 1)
    .where('u.enabled', '=', 1)
    .where('d.enabled', '=', 1)
    .select([
      'k.access',
      'k.secret_sealed',
      'k.user_id',
      'k.project_id',
      'u.name as user_name',
      'u.default_project_id',
      'd.id as domain_id',
      'd.name as domain_name',
    ])
    .executeTakeFirst();
}
export type UsableKey = NonNullable<Awaited<ReturnType<typeof findUsableKey>>>;

export async function findKey(db: Database | Tx, access: string): Promise<AccessKeyRow | undefined> {
  return await db.selectFrom('access_keys').selectAll().where('access', '=', access).executeTakeFirst();
}

/** Oldest first. */
export async function listKeys(
  db: Database | Tx,
  filter: { readonly userId?: string; readonly projectId?: string; readonly origin?: AccessKeyOrigin },
): Promise<AccessKeyRow[]> {
  let query = db.selectFrom('access_keys').selectAll();
  if (filter.userId !== undefined) query = query.where('user_id', '=', filter.userId);
  if (filter.projectId !== undefined) query = query.where('project_id', '=', filter.projectId);
  if (filter.origin !== undefined) query = query.where('origin', '=', filter.origin);
  return await query.orderBy('created_at').orderBy('access').execute();
}

export async function insertKey(tx: Tx, row: AccessKeyRow): Promise<void> {
  await tx.insertInto('access_keys').values(row).execute();
}

export async function updateKey(
  tx: Tx,
  access: string,
  change: { active?: number; description?: string },
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await tx.updateTable('access_keys').set(change).where('access', '=', access).execute();
}

export async function deleteKey(tx: Tx, access: string): Promise<boolean> {
  const result = await tx.deleteFrom('access_keys').where('access', '=', access).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Note when keys were last used (ms); never goes back. */
export async function noteKeyUse(
  tx: Tx,
  uses: Iterable<readonly [access: string, at: number]>,
): Promise<void> {
  for (const [access, at] of uses) {
    await tx
      .updateTable('access_keys')
      .set({ last_used_at: at })
      .where('access', '=', access)
      .where((e) => e.or([e('last_used_at', 'is', null), e('last_used_at', '<', at)]))
      .execute();
  }
}
