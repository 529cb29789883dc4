import type { Database, Tx } from './database.ts';

/**
 * Count one more image of a project, unless it has `maximum` already. The condition and the change
 * are one statement, so two at once can't both take the last place.
 * @returns false when there is no place left
 */
export async function incrementImages(tx: Tx, project: string, maximum: number | null): Promise<boolean> {
  if (maximum !== null && maximum < 1) return false;
  const counted = await tx
    .insertInto('project_usage')
    .values({ project, images: 1 })
    .onConflict((conflict) => {
      const update = conflict
        .column('project')
        .doUpdateSet((of) => ({ images: of('project_usage.images', '+', 1) }));
      return maximum === null ? update : update.where('project_usage.images', '<', maximum);
    })
    .returning('images')
    .executeTakeFirst();
  return counted !== undefined;
}

export async function decrementImages(tx: Tx, project: string): Promise<void> {
  await tx
    .updateTable('project_usage')
    .set((of) => ({ images: of('images', '-', 1) }))
    .where('project', '=', project)
    .execute();
}

export async function countedImages(db: Database | Tx, project: string): Promise<number> {
  const row = await db
    .selectFrom('project_usage')
    .select('images')
    .where('project', '=', project)
    .executeTakeFirst();
  return row?.images ?? 0;
}
