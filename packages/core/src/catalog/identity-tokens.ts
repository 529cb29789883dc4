import type { Database, Tx } from './database.ts';
import type { TokenRow } from './tables/identity.ts';

/** A token with the rows that decide whether it still counts. */
export async function findToken(db: Database | Tx, hash: string) {
  return await db
    .selectFrom('tokens as t')
    .innerJoin('users as u', 'u.id', 't.user_id')
    .innerJoin('domains as d', 'd.id', 'u.domain_id')
    .where('t.hash', '=', hash)
    .select([
      't.user_id',
      't.scope',
      't.scope_id',
      't.methods_json',
      't.audit_ids_json',
      't.credential_version',
      't.issued_at',
      't.expires_at',
      'u.name as user_name',
      'u.enabled as user_enabled',
      'u.credential_version as user_credential_version',
      'd.id as domain_id',
      'd.name as domain_name',
      'd.enabled as domain_enabled',
    ])
    .executeTakeFirst();
}
export type FoundToken = NonNullable<Awaited<ReturnType<typeof findToken>>>;

/** Add a token; the user's oldest beyond `mostPerUser` go. */
export async function insertToken(tx: Tx, row: TokenRow, mostPerUser: number): Promise<void> {
  await tx.insertInto('tokens').values(row).execute();
  await tx
    .deleteFrom('tokens')
    .where('hash', 'in', (q) =>
      q
        .selectFrom('tokens')
        .select('hash')
        .where('user_id', '=', row.user_id)
        .where('hash', '!=', row.hash)
        .orderBy('issued_at', 'desc')
        .orderBy('hash')
        .limit(100)
        .offset(mostPerUser - 1),
    )
    .execute();
}

/** @returns whether there was such a token */
export async function deleteToken(tx: Tx, hash: string): Promise<boolean> {
  const result = await tx.deleteFrom('tokens').where('hash', '=', hash).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Delete up to `limit` tokens that expired before `before` (ms). @returns how many went */
export async function deleteExpiredTokens(tx: Tx, before: number, limit: number): Promise<number> {
  const result = await tx
    .deleteFrom('tokens')
    .where('hash', 'in', (q) =>
      q
        .selectFrom('tokens')
        .select('hash')
        .where('expires_at', '<', before)
        .orderBy('expires_at')
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
