import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RandomAccess } from '@imageyard/engine';
import { DiskError } from '@imageyard/engine';
import type { SourceSpec } from '@imageyard/engine/node';
import { DomainError } from '../errors.ts';
import type { BlobId, BlobStat, BlobStore, BlobWriter } from './blob-store.ts';
import type { BlobPaths } from './folder-writer.ts';
import { FolderWriter, fileSize, syncFolder } from './folder-writer.ts';

/** Version of the folders and names below; another one is refused, never guessed at. */
const layoutVersion = 1;
const idPattern = /^[0-9a-f]{32}$/;

/**
 * Blobs in a folder:
 *
 *     store.json          name of the store, layout version
 *     blobs/<2 hex>/<id>  published, immutable
 *     tmp/<id>            being written
 *     tmp/<id>.notes      its marks (notes-journal.ts)
 *
 * The caller makes sure that one process alone writes to the folder.
 */
export class FolderStore implements BlobStore {
  /** Random, made with the store: an operator sees which store a catalogue belongs to. */
  readonly name: string;
  readonly #root: string;

  constructor(root: string, name: string) {
    this.#root = root;
    this.name = name;
  }

  create(id: BlobId, options: { resume?: boolean } = {}): Promise<BlobWriter> {
    const paths = this.#paths(id);
    return options.resume ? FolderWriter.resume(id, paths) : FolderWriter.begin(id, paths);
  }

  async open(id: BlobId): Promise<RandomAccess & { close(): Promise<void> }> {
    const path = this.#paths(id).published;
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw new DomainError('internal', `blob ${id} is missing from the store`, {}, { cause: error });
    });
    const { size } = await handle.stat();
    return {
      size,
      async read(offset, target) {
        if (offset + target.length > size) {
          throw new DiskError('disk-truncated', `bytes ${offset}+${target.length} end past ${size}`, {
            offset,
          });
        }
        for (let done = 0; done < target.length;) {
          const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
          if (bytesRead === 0) throw new DomainError('internal', `blob ${id} became shorter`);
          done += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  }

  describe(id: BlobId): SourceSpec {
    return { kind: 'file', path: this.#paths(id).published };
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    const size = await fileSize(this.#paths(id).published);
    return size === undefined ? undefined : { id, size };
  }

  async delete(id: BlobId): Promise<void> {
    const { published, temporary, notes } = this.#paths(id);
    for (const path of [notes, temporary, published]) await rm(path, { force: true });
  }

  async list(after: BlobId | undefined, limit: number): Promise<(BlobStat & { temporary: boolean })[]> {
    const unfinished = (await readdir(join(this.#root, 'tmp'))).filter((name) => idPattern.test(name));
    const folders = (await readdir(join(this.#root, 'blobs'))).filter((name) => /^[0-9a-f]{2}$/.test(name));
    const found: (BlobStat & { temporary: boolean })[] = [];
    const prefixes = new Set([...folders, ...unfinished.map((id) => id.slice(0, 2))]);
    for (const prefix of [...prefixes].sort()) {
      if (after !== undefined && prefix < after.slice(0, 2)) continue;
      const ids = new Map<BlobId, boolean>();
      for (const id of unfinished) if (id.startsWith(prefix)) ids.set(id, true);
      if (folders.includes(prefix)) {
        for (const id of await readdir(join(this.#root, 'blobs', prefix))) {
          if (idPattern.test(id)) ids.set(id, false);
        }
      }
      for (const id of [...ids.keys()].sort()) {
        if (after !== undefined && id <= after) continue;
        const temporary = ids.get(id) === true;
        const paths = this.#paths(id);
        const size = await fileSize(temporary ? paths.temporary : paths.published);
        if (size !== undefined) found.push({ id, size, temporary });
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#root);
    return bavail * bsize;
  }

  #paths(id: BlobId): BlobPaths {
    if (!idPattern.test(id)) throw new DomainError('internal', 'not a blob id');
    return {
      temporary: join(this.#root, 'tmp', id),
      notes: join(this.#root, 'tmp', `${id}.notes`),
      published: join(this.#root, 'blobs', id.slice(0, 2), id),
    };
  }
}

/**
 * Open the store in a folder, made if it is new or empty.
 * @throws {DomainError} `internal` for a layout that this program doesn't know
 */
export async function openFolderStore(folder: string): Promise<FolderStore> {
  const root = resolve(folder);
  await mkdir(join(root, 'blobs'), { recursive: true });
  await mkdir(join(root, 'tmp'), { recursive: true });
  const path = join(root, 'store.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return new FolderStore(root, await initialise(root, path));
  const known = parseStoreFile(text);
  if (known?.layout !== layoutVersion) {
    throw new DomainError(
      'internal',
      `${path} names a layout this program doesn't know; use the newer program`,
    );
  }
  return new FolderStore(root, known.name);
}

async function initialise(root: string, path: string): Promise<string> {
  const name = randomBytes(16).toString('hex');
  const draft = `${path}.new`;
  await writeFile(draft, `${JSON.stringify({ name, layout: layoutVersion })}\n`, { flush: true });
  await rename(draft, path);
  await syncFolder(root);
  return name;
}

function parseStoreFile(text: string): { name: string; layout: number } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { name, layout } = value as Record<string, unknown>;
    return typeof name === 'string' && typeof layout === 'number' ? { name, layout } : undefined;
  } catch {
    return undefined;
  }
}
