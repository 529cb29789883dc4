import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DomainError } from '../errors.ts';
import type { BlobId, BlobStat, BlobWriter, WriteMark } from './blob-store.ts';
import { decodeJournal, encodeRecord } from './notes-journal.ts';
import { storeError } from './store-errors.ts';

/** Where one blob lies while it is written and afterwards. */
export interface BlobPaths {
  readonly temporary: string;
  readonly notes: string;
  readonly published: string;
}

const emptyMark: WriteMark = { size: 0, notes: [] };

/** Make a folder's entries durable: a rename or a new name is not, until its folder is synced. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A blob of the folder store while it is written. */
export class FolderWriter implements BlobWriter {
  readonly id: BlobId;
  readonly mark: WriteMark;
  readonly #paths: BlobPaths;
  readonly #file: FileHandle | undefined;
  #journal: FileHandle | undefined;
  #journalBytes: number;
  #published: BlobStat | undefined;
  #closed = false;

  private constructor(
    id: BlobId,
    paths: BlobPaths,
    state: { file?: FileHandle; mark: WriteMark; journalBytes: number; published?: BlobStat },
  ) {
    this.id = id;
    this.#paths = paths;
    this.mark = state.mark;
    this.#file = state.file;
    this.#journalBytes = state.journalBytes;
    this.#published = state.published;
  }

  /** A new temporary file; refuses a name that was used before. */
  static async begin(id: BlobId, paths: BlobPaths): Promise<FolderWriter> {
    if ((await fileSize(paths.published)) !== undefined) throw nameTaken(id);
    const file = await open(paths.temporary, 'wx+').catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? nameTaken(id) : storeError(error, id);
    });
    return new FolderWriter(id, paths, { file, mark: emptyMark, journalBytes: 0 });
  }

  /** Go on at the last durable mark; with none, from the start. A blob that is published stays so. */
  static async resume(id: BlobId, paths: BlobPaths): Promise<FolderWriter> {
    const size = await fileSize(paths.published);
    if (size !== undefined) {
      const published = { id, size };
      return new FolderWriter(id, paths, { mark: { size, notes: [] }, journalBytes: 0, published });
    }
    const journal = await readFile(paths.notes).catch(absentAsUndefined);
    const { mark, validBytes } = decodeJournal(journal ?? new Uint8Array(0));
    const file = await open(paths.temporary, 'r+').catch(absentAsUndefined);
    if (!file) {
      // The row was written, the file not (or its name was never synced): a new one.
      await rm(paths.notes, { force: true });
      return FolderWriter.begin(id, paths);
    }
    try {
      // Cutting first drops what was written behind the mark; growing again reads as zeros.
      await file.truncate(mark.size);
    } catch (error) {
      await file.close();
      throw storeError(error, id);
    }
    return new FolderWriter(id, paths, { file, mark, journalBytes: validBytes });
  }

  get path(): string {
    return this.#paths.temporary;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const file = this.#open();
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storeError(error, this.id);
    }
  }

  async sync(): Promise<void> {
    await this.#open()
      .datasync()
      .catch((error: unknown) => {
        throw storeError(error, this.id);
      });
  }

  async save(size: number, note: Uint8Array): Promise<void> {
    const file = this.#open();
    try {
      await file.sync();
      let journal = this.#journal;
      if (!journal) {
        journal = await open(this.#paths.notes, this.#journalBytes ? 'r+' : 'w+');
        this.#journal = journal;
        await journal.truncate(this.#journalBytes); // a torn record goes before a new one comes
        await syncFolder(dirname(this.#paths.notes));
      }
      const record = encodeRecord(size, note);
      await journal.write(record, 0, record.length, this.#journalBytes);
      await journal.sync();
      this.#journalBytes += record.length;
    } catch (error) {
      throw storeError(error, this.id);
    }
  }

  async publish(size: number): Promise<BlobStat> {
    if (this.#published) {
      if (this.#published.size === size) return this.#published;
      throw new DomainError('internal', `blob ${this.id} is published with ${this.#published.size} bytes`);
    }
    const file = this.#open();
    try {
      await file.truncate(size);
      await file.sync();
      const folder = dirname(this.#paths.published);
      if (await mkdir(folder, { recursive: true })) await syncFolder(dirname(folder));
      await rename(this.#paths.temporary, this.#paths.published);
      await syncFolder(folder);
      await syncFolder(dirname(this.#paths.temporary));
    } catch (error) {
      throw storeError(error, this.id);
    }
    this.#published = { id: this.id, size };
    await this.close();
    await rm(this.#paths.notes, { force: true });
    return this.#published;
  }

  async abandon(): Promise<void> {
    await this.close();
    if (this.#published) return;
    await rm(this.#paths.temporary, { force: true });
    await rm(this.#paths.notes, { force: true });
  }

  /** Let go of the files and keep what is there, to be resumed later. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#journal?.close();
    await this.#file?.close();
  }

  #open(): FileHandle {
    if (this.#closed || !this.#file) {
      throw new DomainError('internal', `blob ${this.id} is no longer written`);
    }
    return this.#file;
  }
}

function nameTaken(id: BlobId): DomainError {
  return new DomainError('internal', `blob ${id} exists already; a name is written once`);
}

function absentAsUndefined(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

/** Length of a file in bytes, or undefined when there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(absentAsUndefined);
  return found?.size;
}
