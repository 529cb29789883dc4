import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The folder is in use, or can't be used; the message is for the operator. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

export interface DataFolder {
  readonly path: string;
  /** 32 bytes under which access keys are encrypted in the database. */
  readonly secretKey: Buffer;
  /** The password that the first start made up, kept so that each start's ready file can carry it. */
  readFirstPassword(): Promise<string | undefined>;
  writeFirstPassword(password: string): Promise<void>;
  /** Give the folder free for another process. */
  release(): void;
}

/**
 * Make the folder if needed (mode 0700) and hold it for this process alone.
 * @throws {DataFolderError} when another process holds it, or it can't be written
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new DataFolderError(`the data folder ${path} can't be made: ${(error as Error).message}`);
  }
  const release = await lock(path);
  try {
    const secretKey = await readSecretKey(join(path, 'secret.key'));
    const first = join(path, 'first-password');
    return {
      path,
      secretKey,
      release,
      readFirstPassword: async () => (await readIfThere(first))?.replace(/\n$/, ''),
      writeFirstPassword: (password) => writePrivately(first, `${password}\n`),
    };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Hold the folder by a lock of the operating system, which ends with the process however it dies.
 * Node has no file locks of its own; an exclusive SQLite transaction on an empty file is one.
 */
async function lock(folder: string): Promise<() => void> {
  const holderFile = join(folder, 'process.pid');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(folder, 'process.lock'), { timeout: 0 });
    database.exec('PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (/locked|busy/i.test((error as Error).message)) {
      const holder = (await readIfThere(holderFile))?.trim();
      throw new DataFolderError(
        `the data folder ${folder} is in use by another imageyard${holder ? ` (process ${holder})` : ''}; ` +
          'stop it first, or choose another folder with --data',
      );
    }
    throw new DataFolderError(`the data folder ${folder} can't be used: ${(error as Error).message}`);
  }
  await writePrivately(holderFile, `${process.pid}\n`);
  const held = database;
  return () => {
    if (held.isOpen) held.close();
  };
}

async function readSecretKey(path: string): Promise<Buffer> {
  const text = await readIfThere(path);
  if (text !== undefined) {
    const key = Buffer.from(text.trim(), 'hex');
    if (key.length !== 32) throw new DataFolderError(`${path} must hold 64 hexadecimal digits`);
    return key;
  }
  const key = randomBytes(32);
  await writePrivately(path, `${key.toString('hex')}\n`);
  return key;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Write a file that only its owner may read: whole or not at all, and durably. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600); // whatever the umask says
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
