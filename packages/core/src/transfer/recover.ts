import { savingWithoutJob } from '../catalog/jobs-images.ts';
import type { TransferDeps } from './deps.ts';

/** See `Transfer.recover`. */
export async function recover({ catalog, images }: TransferDeps): Promise<void> {
  for (;;) {
    const ids = await savingWithoutJob(catalog.db, 100);
    if (ids.length === 0) return;
    await catalog.write(async (tx) => {
      for (const id of ids) await images.fail(tx, id);
    });
  }
}
