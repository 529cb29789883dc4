import type { Cursor } from './images-branches.ts';
import type { Database } from './database.ts';
import { imageColumns, toImage } from './images.ts';
import type { StoredImage } from './images.ts';

/** The place of an image in every order; of a deleted one too, so that paging goes on behind it. */
export async function findMarker(
  db: Database,
  id: string,
): Promise<{ readonly image: StoredImage; readonly cursor: Cursor } | undefined> {
  const row = await db.selectFrom('images').select(imageColumns).where('id', '=', id).executeTakeFirst();
  return row && { image: toImage(row), cursor: row };
}
