import { cancelImageJobs, endedChannel } from '../catalog/jobs.ts';
import type { Actor } from '../identity/actor.ts';
import type { TransferDeps } from './deps.ts';
import { imageDeleted } from './register-job.ts';

/** See `Transfer.deleteImage`: image `deleted` and its job failed in one transaction. */
export async function deleteImage(deps: TransferDeps, actor: Actor, imageId: string): Promise<void> {
  const { catalog, images, blobs, now } = deps;
  const { blobId, sources } = await catalog.write(async (tx) => {
    const gone = await images.remove(tx, actor, imageId);
    const held = await cancelImageJobs(tx, catalog.engine, imageId.toLowerCase(), imageDeleted, now);
    return { blobId: gone.blobId, sources: held };
  });
  if (sources.length) catalog.wake.notify(endedChannel);
  for (const id of [...sources, ...(blobId === null ? [] : [blobId])]) await blobs.drop(id);
}
