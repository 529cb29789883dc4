import { checkSource, runConversion } from '@imageyard/engine/node';
import type { JobHandler } from '../job/handler.ts';
import { deleteImage } from './delete-image.ts';
import type { TransferDeps } from './deps.ts';
import { download } from './download.ts';
import { recover } from './recover.ts';
import { registerJob } from './register-job.ts';
import { register } from './register.ts';
import { transferDefaults } from './settings.ts';
import type { TransferSettings } from './settings.ts';
import type { Transfer } from './types.ts';
import { upload } from './upload.ts';

export type TransferOptions = Omit<TransferDeps, 'engine' | 'settings' | 'now'> & {
  readonly settings?: Partial<TransferSettings>;
  readonly now?: () => number;
};

/** The room that moves data, and what the runner needs to run its jobs. */
export function createTransfer(options: TransferOptions): Transfer & { readonly handlers: JobHandler[] } {
  const deps: TransferDeps = {
    ...options,
    engine: { checkSource, runConversion },
    settings: { ...transferDefaults, ...options.settings },
    now: options.now ?? Date.now,
  };
  return { ...transferOver(deps), handlers: [registerJob(deps)] };
}

/** The same over everything that can be replaced. */
export function transferOver(deps: TransferDeps): Transfer {
  return {
    register: (actor, imageId, source) => register(deps, actor, imageId, source),
    upload: (actor, imageId, body, options) => upload(deps, actor, imageId, body, options),
    download: (actor, imageId) => download(deps, actor, imageId),
    deleteImage: (actor, imageId) => deleteImage(deps, actor, imageId),
    recover: () => recover(deps),
  };
}
