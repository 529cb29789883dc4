import type { ImageMember, MemberStatus } from '../image/record.ts';
import type { Database, Tx } from './database.ts';
import type { ImageMemberRow } from './tables/images.ts';

/** @returns false when the project already is a member */
export async function insertMember(tx: Tx, member: ImageMember, imageCreatedAt: number): Promise<boolean> {
  const result = await tx
    .insertInto('image_members')
    .values({
      image_id: member.imageId,
      member: member.member,
      status: member.status,
      image_created_at: imageCreatedAt,
      created_at: member.createdAt,
      updated_at: member.updatedAt,
    })
    .onConflict((conflict) => conflict.columns(['image_id', 'member']).doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows) === 1;
}

export async function findMember(
  db: Database | Tx,
  imageId: string,
  member: string,
): Promise<ImageMember | undefined> {
  const row = await db
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst();
  return row && toMember(row);
}

/** All members in the order they were added. */
export async function listMembers(db: Database | Tx, imageId: string): Promise<ImageMember[]> {
  const rows = await db
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at')
    .orderBy('member')
    .execute();
  return rows.map(toMember);
}

export async function countMembers(db: Database | Tx, imageId: string): Promise<number> {
  const { n } = await db
    .selectFrom('image_members')
    .select((of) => of.fn.countAll<number>().as('n'))
    .where('image_id', '=', imageId)
    .executeTakeFirstOrThrow();
  return n;
}

/** @returns false when there is no such member */
export async function updateMember(
  tx: Tx,
  { imageId, member }: { readonly imageId: string; readonly member: string },
  change: { readonly status: MemberStatus; readonly updatedAt: number },
): Promise<boolean> {
  const result = await tx
    .updateTable('image_members')
    .set({ status: change.status, updated_at: change.updatedAt })
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) === 1;
}

/** @returns false when there is no such member */
export async function deleteMember(tx: Tx, imageId: string, member: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('image_members')
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst();
  return Number(result.numDeletedRows) === 1;
}

export async function deleteMembers(tx: Tx, imageId: string): Promise<void> {
  await tx.deleteFrom('image_members').where('image_id', '=', imageId).execute();
}

function toMember(row: ImageMemberRow): ImageMember {
  return {
    imageId: row.image_id,
    member: row.member,
    status: row.status as MemberStatus,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
