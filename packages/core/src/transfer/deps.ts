import type { checkSource, runConversion } from '@imageyard/engine/node';
import type { Blobs } from '../blob/types.ts';
import type { Buckets } from '../bucket/types.ts';
import type { Catalog } from '../catalog/database.ts';
import type { Images } from '../image/images.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { TransferSettings } from './settings.ts';

/** The rooms that moving data walks through, and the engine's two entries. */
export interface TransferDeps {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly blobs: Blobs;
  readonly images: Pick<Images, 'get' | 'lockForRegister' | 'beginSaving' | 'activate' | 'fail' | 'remove'>;
  readonly buckets: Pick<Buckets, 'locate' | 'pin'>;
  readonly engine: {
    readonly checkSource: typeof checkSource;
    readonly runConversion: typeof runConversion;
  };
  readonly settings: TransferSettings;
  readonly now: () => number;
}
