import type { Digests } from '@imageyard/engine/node';
import type { Lease } from '../job/guards.ts';
import type { Database, Tx } from './database.ts';
import type { BlobPartRow, BlobRow } from './tables/blobs.ts';

export type BlobId = string;

/** Who writes a blob: the attempt of a job, or the process that receives a stream. */
export type BlobOwner = { readonly jobId: string; readonly fence: number } | { readonly writer: string };

/** The row that exists before the first byte does: every key in the store has one. */
export async function insertWritingBlob(tx: Tx, id: BlobId, owner: BlobOwner, now: number): Promise<void> {
  await tx
    .insertInto('blobs')
    .values({ ...emptyBlob, id, state: 'writing', kind: 'whole', ...ownerColumns(owner), created_at: now })
    .execute();
}

/**
 * The bytes are durable: everybody may read them.
 * @returns false when the row is gone or somebody else's; then the bytes are nobody's
 */
export async function makeBlobLive(
  tx: Tx,
  id: BlobId,
  owner: BlobOwner,
  facts: { readonly size: number; readonly digests: Digests },
): Promise<boolean> {
  const { job_id, fence, writer } = ownerColumns(owner);
  const result = await tx
    .updateTable('blobs')
    .set({ state: 'live', size: facts.size, ...digestColumns(facts.digests) })
    .where('id', '=', id)
    .where('state', '=', 'writing')
    .where((where) =>
      job_id === null
        ? where('writer', '=', writer)
        : where.and([where('job_id', '=', job_id), where('fence', '=', fence)]),
    )
    .executeTakeFirst();
  return Number(result.numUpdatedRows) === 1;
}

/**
 * One blob made of others, in order; no byte moves (a multipart object). Each part keeps its own
 * row, and none can go while the whole exists.
 * @param parts live blobs with their sizes in bytes
 */
export async function insertPartsBlob(
  tx: Tx,
  id: BlobId,
  parts: readonly { readonly id: BlobId; readonly size: number }[],
  digests: Digests,
  now: number,
): Promise<void> {
  let start = 0;
  const rows: BlobPartRow[] = parts.map((part, ordinal) => {
    const row = { blob_id: id, ordinal, part_blob_id: part.id, start, size: part.size };
    start += part.size;
    return row;
  });
  await tx
    .insertInto('blobs')
    .values({
      ...emptyBlob,
      ...digestColumns(digests),
      id,
      state: 'live',
      kind: 'parts',
      size: start,
      created_at: now,
    })
    .execute();
  for (let at = 0; at < rows.length; at += 500) {
    await tx
      .insertInto('blob_parts')
      .values(rows.slice(at, at + 500))
      .execute();
  }
}

export function findBlob(db: Database | Tx, id: BlobId): Promise<BlobRow | undefined> {
  return db.selectFrom('blobs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** What an attempt has begun to write. */
export async function attemptBlobs(db: Database | Tx, lease: Lease): Promise<BlobId[]> {
  const rows = await db
    .selectFrom('blobs')
    .select('id')
    .where('job_id', '=', lease.jobId)
    .where('state', '=', 'writing')
    .where('fence', '=', lease.fence)
    .execute();
  return rows.map((row) => row.id);
}

/** The parts of a blob of kind `parts`, in order. */
export function blobParts(db: Database | Tx, id: BlobId): Promise<BlobPartRow[]> {
  return db.selectFrom('blob_parts').selectAll().where('blob_id', '=', id).orderBy('ordinal').execute();
}

/** Hashes that were computed after the blob became live. */
export async function setBlobDigests(tx: Tx, id: BlobId, digests: Digests): Promise<void> {
  await tx.updateTable('blobs').set(digestColumns(digests)).where('id', '=', id).execute();
}

/** What an inspection found; a blob doesn't change, so it holds for good. */
export async function setBlobInspection(
  tx: Tx,
  id: BlobId,
  found: { readonly format: string; readonly virtualSize: number; readonly report: string },
): Promise<void> {
  await tx
    .updateTable('blobs')
    .set({ format: found.format, virtual_size: found.virtualSize, report: found.report })
    .where('id', '=', id)
    .execute();
}

/**
 * Delete the row and note that the bytes may go, in this transaction. The engine refuses while
 * anybody refers (then the transaction is broken: run nothing else in it).
 * @returns ids of the parts of a `parts` blob, which may be unreferenced now; undefined when there was no such row
 * @throws the engine's foreign key violation (`isForeignKeyViolation`)
 */
export async function doomBlob(tx: Tx, id: BlobId, now: number): Promise<BlobId[] | undefined> {
  const parts = (await blobParts(tx, id)).map((part) => part.part_blob_id);
  const gone = await tx
    .deleteFrom('blobs')
    .where('id', '=', id)
    .where('state', '=', 'live')
    .returning('kind')
    .executeTakeFirst();
  if (!gone) return undefined;
  if (gone.kind === 'whole') {
    await tx
      .insertInto('doomed_blobs')
      .values({ id, at: now })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  return parts;
}

const emptyBlob = {
  size: 0,
  md5: null,
  sha256: null,
  sha512: null,
  format: null,
  virtual_size: null,
  report: null,
  job_id: null,
  fence: null,
  writer: null,
} as const;

function ownerColumns(owner: BlobOwner): Pick<BlobRow, 'job_id' | 'fence' | 'writer'> {
  return 'writer' in owner
    ? { job_id: null, fence: null, writer: owner.writer }
    : { job_id: owner.jobId, fence: owner.fence, writer: null };
}

function digestColumns(digests: Digests): Partial<Pick<BlobRow, 'md5' | 'sha256' | 'sha512'>> {
  return {
    ...(digests.md5 === undefined ? {} : { md5: digests.md5 }),
    ...(digests.sha256 === undefined ? {} : { sha256: digests.sha256 }),
    ...(digests.sha512 === undefined ? {} : { sha512: digests.sha512 }),
  };
}
