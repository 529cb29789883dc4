import type { Images, Jobs, Transfer } from '@imageyard/core';
import type { Authenticate } from './auth/authenticate.ts';

/** What the image dialects call; put together in `main.ts`. */
export interface ImageCore {
  readonly images: Pick<
    Images,
    'settings' | 'create' | 'get' | 'list' | 'update' | 'tags' | 'members' | 'used'
  >;
  readonly transfer: Pick<Transfer, 'register' | 'upload' | 'download' | 'deleteImage'>;
  readonly jobs: Jobs;
  readonly authenticate: Authenticate;
}
