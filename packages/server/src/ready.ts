import { rm } from 'node:fs/promises';
import type { FirstStartFacts } from '@imageyard/core';
import { writePrivately } from './data-folder.ts';

/** What the ready file says: where everything is, and the first credentials while they are as made. */
export interface Ready {
  readonly api: string;
  readonly bucket: string;
  readonly identity: string;
  readonly region: string;
  readonly domain: string;
  readonly user: string;
  /** Null once it was changed. */
  readonly password: string | null;
  readonly project: { readonly id: string; readonly name: string } | null;
  /** Both null once the key was deleted or disabled. */
  readonly accessKey: string | null;
  readonly secretKey: string | null;
}

export function readyFrom(
  urls: { readonly api: string; readonly bucket: string },
  region: string,
  first: FirstStartFacts,
): Ready {
  return {
    api: urls.api,
    bucket: urls.bucket,
    identity: `${urls.api}/v3`,
    region,
    domain: first.domain.name,
    user: first.user?.name ?? 'admin',
    password: first.password ?? null,
    project: first.project ?? null,
    accessKey: first.key?.access ?? null,
    secretKey: first.key?.secret ?? null,
  };
}

/** Write the ready files: each whole or not at all, readable by the owner alone. */
export async function writeReady(paths: readonly string[], ready: Ready): Promise<void> {
  for (const path of paths) await writePrivately(path, `${JSON.stringify(ready, null, 2)}\n`);
}

/** A stopped service is not ready. */
export async function removeReady(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
}
