import type { Readable } from 'node:stream';
import type { CheckedSource } from '@imageyard/engine/node';
import type { WholeHashes } from '../blob/hashes.ts';
import type { ReceivedBlob } from '../blob/types.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from '../identity/actor.ts';
import type { Image } from '../image/record.ts';
import type { TransferDeps } from './deps.ts';
import { imageDataOf } from './image-data.ts';
import { keepInspection } from './steps/detect.ts';
import type { UploadOptions } from './types.ts';
import { checkUploadFound, checkUploadHead, statedFormat } from './upload-format.ts';

/**
 * See `Transfer.upload`: stored as it is, inspected, compared with what was declared. Whatever
 * fails, the image is `killed` and nothing is left in the store.
 */
export async function upload(
  deps: TransferDeps,
  actor: Actor,
  imageId: string,
  body: Readable,
  options: UploadOptions,
): Promise<void> {
  const { catalog, images, blobs } = deps;
  checkFormatsSet(await images.get(actor, imageId));
  const image = await catalog.write(async (tx) => {
    const found = await images.lockForRegister(tx, actor, imageId);
    await images.beginSaving(tx, found.id);
    return found;
  });
  let received: ReceivedBlob | undefined;
  try {
    received = await receive(deps, image, body, options);
    const checked = await inspect(deps, image, received, options.signal);
    const data = imageDataOf(
      deps.settings,
      {
        blobId: received.id,
        sizeBytes: received.sizeBytes,
        virtualSizeBytes: checked?.virtualSize ?? null,
        digests: received.digests as WholeHashes,
        format: declaredOf(image) ?? checked?.format ?? image.diskFormat ?? 'raw',
      },
      {},
    );
    await catalog.write((tx) => images.activate(tx, image.id, data));
  } catch (error) {
    await catalog.write((tx) => images.fail(tx, image.id, deps.settings.failedUpload));
    if (received) await blobs.drop(received.id);
    throw error;
  }
}

function checkFormatsSet({ diskFormat, containerFormat }: Image): void {
  const missing = [
    ...(diskFormat === null ? ['disk_format'] : []),
    ...(containerFormat === null ? ['container_format'] : []),
  ];
  if (missing.length === 0) return;
  const message = `Properties ${missing.join(', ')} must be set prior to saving data.`;
  throw new DomainError('value-invalid', message, { missing });
}

/** Only a bare container is one disk; of others we know nothing. */
function isEnforced({ settings }: TransferDeps, image: Image): boolean {
  return settings.formatEnforcement === 'on' && image.containerFormat === 'bare';
}

/** What the caller said; a default is nobody's word and never makes an upload fail. */
function declaredOf(image: Image): string | undefined {
  return image.diskFormatStated && image.diskFormat ? image.diskFormat : undefined;
}

function receive(
  deps: TransferDeps,
  image: Image,
  body: Readable,
  { expectedBytes, signal }: UploadOptions,
): Promise<ReceivedBlob> {
  const declared = declaredOf(image);
  const onHead = (head: Uint8Array): void => checkUploadHead(declared ?? '', head, expectedBytes);
  return deps.blobs.receive(body, {
    limitBytes: deps.settings.uploadLimitBytes,
    ...(expectedBytes === undefined ? {} : { expectedBytes }),
    ...(signal ? { signal } : {}),
    ...(declared !== undefined && isEnforced(deps, image) ? { onHead } : {}),
  });
}

async function inspect(
  deps: TransferDeps,
  image: Image,
  { id, sizeBytes }: ReceivedBlob,
  signal: AbortSignal | undefined,
): Promise<CheckedSource | undefined> {
  if (sizeBytes === 0) return undefined;
  const enforced = isEnforced(deps, image);
  const declared = enforced ? declaredOf(image) : undefined;
  const source = await deps.blobs.describe(id);
  const options = {
    ...(signal ? { signal } : {}),
    ...(declared === undefined ? {} : { stated: statedFormat(declared) }),
  };
  try {
    const checked = await deps.engine.checkSource(source, options);
    if (declared !== undefined) checkUploadFound(declared, checked);
    await keepInspection(deps, id, checked);
    return checked;
  } catch (error) {
    if (enforced || signal?.aborted) throw error;
    return undefined; // nobody asked what it is
  }
}
