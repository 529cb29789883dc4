import { createHash } from 'node:crypto';
import { insertPartsBlob } from '../catalog/blobs.ts';
import { isForeignKeyViolation } from '../catalog/blobs-sweep.ts';
import { findObject, replaceObject } from '../catalog/buckets-objects.ts';
import {
  findCompletedUpload,
  findUpload,
  insertCompletedUpload,
  insertPartChecksums,
  partsAfter,
  removeUpload,
} from '../catalog/buckets-uploads.ts';
import type { Tx } from '../catalog/database.ts';
import type { BucketObjectRow } from '../catalog/tables/buckets.ts';
import { DomainError } from '../errors.ts';
import type { BucketDeps } from './deps.ts';
import { judgeConditions, objectRow } from './object-calls.ts';
import { newId, objectOf, partOf, uploadOf } from './records.ts';
import type { Bucket, BucketObject, CompleteOptions, NamedPart, UploadPart } from './types.ts';
import { uploadNotFound } from './refusals.ts';
import type { UploadHasher } from './upload-hasher.ts';

interface CompleteRequest {
  readonly bucket: Bucket;
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly NamedPart[];
  readonly options: CompleteOptions;
}

/** Something changed between judging and publishing. */
class Changed extends Error {}

/** Times that a Complete is judged anew before it gives up. */
const mostTries = 20;
/** Most parts of an upload. */
const mostParts = 10_000;

const partInvalid = (partNumber: number, message: string) =>
  new DomainError('part-invalid', `part ${partNumber} ${message}`, { partNumber });

/** The stored parts that a Complete names. */
function chooseParts(
  stored: readonly UploadPart[],
  { parts, options }: Pick<CompleteRequest, 'parts' | 'options'>,
): UploadPart[] {
  const byNumber = new Map(stored.map((part) => [part.partNumber, part]));
  let before = 0;
  const chosen = parts.map((named) => {
    if (named.partNumber <= before)
      throw new DomainError('part-order', 'the parts are not in ascending order', {
        partNumber: named.partNumber,
      });
    before = named.partNumber;
    const part = byNumber.get(named.partNumber);
    if (!part) throw partInvalid(named.partNumber, 'was not uploaded');
    if (part.md5 !== named.etag.toLowerCase()) throw partInvalid(named.partNumber, `has ETag "${part.md5}"`);
    if (named.checksum !== undefined && named.checksum !== part.checksum)
      throw partInvalid(named.partNumber, 'has another checksum');
    return part;
  });
  const small = chosen.slice(0, -1).find((part) => part.sizeBytes < options.leastPartBytes);
  if (small)
    throw new DomainError('part-too-small', `part ${small.partNumber} has ${small.sizeBytes} bytes`, {
      partNumber: small.partNumber,
      etag: small.md5,
      sizeBytes: small.sizeBytes,
      leastBytes: options.leastPartBytes,
    });
  return chosen;
}

/** ETag of a multipart object: MD5 of the parts' raw MD5s, and their count. */
export function partsEtag(parts: readonly UploadPart[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.md5, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}

const digestOf = (parts: readonly NamedPart[]): string =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => [part.partNumber, part.etag.toLowerCase()])))
    .digest('hex');

/** What a repeated Complete of the same list gives: the object, while it is still that one. */
async function repeated(
  { catalog, clock, settings }: BucketDeps,
  request: CompleteRequest,
): Promise<BucketObject> {
  const done = await findCompletedUpload(catalog.db, request.uploadId);
  if (
    done?.bucket === request.bucket.name &&
    done.key === request.key &&
    done.parts_digest === digestOf(request.parts) &&
    done.completed_at + settings.completedMemoryMs > clock()
  ) {
    const current = await findObject(catalog.db, done.bucket, done.key);
    if (current?.generation === done.generation) return objectOf(current);
  }
  throw uploadNotFound(request.uploadId);
}

/** See `Buckets.completeUpload`. Judged outside the transaction, published only if nothing changed since. */
export async function completeUpload(
  deps: BucketDeps,
  hasher: UploadHasher,
  request: CompleteRequest,
): Promise<BucketObject> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const row = await findUpload(deps.catalog.db, request.uploadId);
    if (!row || row.bucket !== request.bucket.name || row.key !== request.key) return repeated(deps, request);
    const upload = uploadOf(row);
    const stored = (await partsAfter(deps.catalog.db, upload.id, 0, mostParts)).map(partOf);
    const chosen = chooseParts(stored, request);
    const sizeBytes = chosen.reduce((sum, part) => sum + part.sizeBytes, 0);
    const { expectedBytes, judge } = request.options;
    if (expectedBytes !== undefined && expectedBytes !== sizeBytes)
      throw new DomainError(
        'value-invalid',
        `the parts have ${sizeBytes} bytes, announced were ${expectedBytes}`,
      );
    const data = {
      blobId: newId(),
      sizeBytes,
      etag: partsEtag(chosen),
      checksum: judge?.(upload, chosen),
      createdAt: deps.clock(),
      partCount: chosen.length,
      uploadId: upload.id,
    };
    const object = objectRow(request.bucket, request.key, upload, data);
    const freed = await publish(deps, request, object, chosen);
    if (freed === 'changed') continue;
    hasher.completed(upload.id, object.blob_id, chosen);
    for (const blob of freed) await deps.blobs.drop(blob);
    return objectOf(object);
  }
  throw new DomainError('internal', 'the upload kept changing while it was completed', {
    uploadId: request.uploadId,
  });
}

/** One transaction: blob of parts, object, end of the upload. @returns the blobs nobody needs any more */
async function publish(
  { catalog, clock }: BucketDeps,
  request: CompleteRequest,
  object: BucketObjectRow,
  chosen: readonly UploadPart[],
): Promise<string[] | 'changed'> {
  try {
    return await catalog.write(async (tx) => {
      if (!(await stillThere(tx, request.uploadId, chosen))) throw new Changed();
      const parts = chosen.map((part) => ({ id: part.blobId, size: part.sizeBytes }));
      await insertPartsBlob(tx, object.blob_id, parts, {}, clock());
      await insertPartChecksums(
        tx,
        object.blob_id,
        chosen.map((part) => part.checksum ?? null),
      );
      const replaced = await replaceObject(tx, object, (current) =>
        judgeConditions(request.key, current, request.options.conditions),
      );
      const used = new Set(chosen.map((part) => part.blobId));
      const removed = await removeUpload(tx, request.uploadId);
      if (removed === undefined) throw new Changed();
      const unused = removed.filter((blob) => !used.has(blob));
      await insertCompletedUpload(tx, {
        id: request.uploadId,
        bucket: object.bucket,
        key: object.key,
        parts_digest: digestOf(request.parts),
        generation: object.generation,
        completed_at: clock(),
      });
      return replaced === undefined ? unused : [...unused, replaced];
    });
  } catch (error) {
    // A part landed, or the bucket went, in this moment.
    if (error instanceof Changed || isForeignKeyViolation(error)) return 'changed';
    throw error;
  }
}

async function stillThere(tx: Tx, uploadId: string, chosen: readonly UploadPart[]): Promise<boolean> {
  const blobs = new Map(
    (await partsAfter(tx, uploadId, 0, mostParts)).map((part) => [part.part_number, part.blob_id]),
  );
  return chosen.every((part) => blobs.get(part.partNumber) === part.blobId);
}
