import { randomBytes } from 'node:crypto';
import type { ObjectPin } from '../bucket/types.ts';
import { findJob, insertJob, jobsChannel } from '../catalog/jobs.ts';
import type { Tx } from '../catalog/database.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import type { Image } from '../image/record.ts';
import { jobOf } from '../job/jobs.ts';
import type { Job } from '../job/types.ts';
import type { TransferDeps } from './deps.ts';
import type { RegisterInput } from './register-state.ts';
import { registerVersion } from './register-state.ts';
import type { RegisterSource } from './types.ts';

/** Times that an object which is overwritten between looking and pinning is looked at again. */
const pinAttempts = 5;

/** See `Transfer.register`. The order of refusals is the register page's. */
export async function register(
  deps: TransferDeps,
  actor: Actor,
  imageId: string,
  source: RegisterSource,
): Promise<Job> {
  const { catalog, images, buckets, settings } = deps;
  await catalog.write((tx) => images.lockForRegister(tx, actor, imageId));
  const { bucket, key } = typeof source === 'function' ? source() : source;
  for (let attempt = 1; ; attempt += 1) {
    const pin = await buckets.locate(actor, bucket, key);
    if (pin.sizeBytes > settings.registerLimitBytes) {
      throw new DomainError(
        'source-too-large',
        `the object has ${pin.sizeBytes} bytes, the limit is ${settings.registerLimitBytes}`,
        { bucket, key, sizeBytes: pin.sizeBytes, limitBytes: settings.registerLimitBytes },
      );
    }
    try {
      const job = await catalog.write((tx) => accept(deps, tx, actor, imageId, pin));
      catalog.wake.notify(jobsChannel);
      return job;
    } catch (error) {
      const changed = error instanceof DomainError && error.kind === 'source-changed';
      if (!changed || attempt === pinAttempts) throw error;
    }
  }
}

/** Image `saving`, bytes held, job queued: all or nothing. */
async function accept(
  { catalog, images, buckets, settings, now }: TransferDeps,
  tx: Tx,
  actor: Actor,
  imageId: string,
  pin: ObjectPin,
): Promise<Job> {
  const image = await images.lockForRegister(tx, actor, imageId); // may have changed since
  await buckets.pin(tx, pin);
  const id = randomBytes(16).toString('hex');
  const projectId = image.owner;
  const job = {
    id,
    projectId,
    kind: 'register',
    kindVersion: registerVersion,
    imageId: image.id,
    sourceBlobId: pin.blobId,
    input: JSON.stringify(inputOf(image, pin, settings.defaultFormat)),
  };
  if (!(await insertJob(tx, catalog.engine, job, settings.acceptedJobs, now))) {
    throw new DomainError(
      'job-limit-reached',
      `the project has ${settings.acceptedJobs} unfinished jobs; wait until one ends`,
      { limit: settings.acceptedJobs },
    );
  }
  await images.beginSaving(tx, image.id);
  const row = await findJob(tx, id);
  if (!row) throw new DomainError('internal', `job ${id} vanished in its own transaction`);
  return jobOf(row);
}

function inputOf(image: Image, pin: ObjectPin, defaultFormat: string): RegisterInput {
  const { bucket, key, etag, generation, blobId, sizeBytes } = pin;
  const target = image.diskFormatStated && image.diskFormat ? image.diskFormat : defaultFormat;
  return {
    imageId: image.id,
    source: { bucket, key, etag, generation, blobId, sizeBytes },
    target,
    minDiskGb: image.minDiskGb,
  };
}
