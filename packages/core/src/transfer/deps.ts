import type { checkSource, runConversion } from '@imageyard/engine/node';
import type { Blobs } from '../blob/types.ts';
import type { Buckets } from '../bucket/types.ts';
import type { Catalog, Tx } from '../catalog/database.ts';
import type { Actor } from '../identity/actor.ts';
import type { Image, ImageData } from '../image/record.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { TransferSettings } from './settings.ts';

/** What moving data needs of `core/image`: each runs in the caller's transaction. */
export interface TransferImages {
  /**
   * Register, preconditions 4–6: exists and visible, owned, `queued`; locked until the end.
   * @throws `image-not-found`, `image-not-owned`, `image-public`, `image-wrong-state`
   */
  lockForRegister(tx: Tx, actor: Actor, imageId: string): Promise<Image>;
  /** PUT file: the same in Glance's words, and both formats set. */
  lockForUpload(tx: Tx, actor: Actor, imageId: string): Promise<Image>;
  /** `queued` → `saving`. */
  beginSaving(tx: Tx, imageId: string): Promise<void>;
  /** `saving` → `active`. @throws `image-gone-during-upload` when it is no longer `saving` */
  activate(tx: Tx, imageId: string, data: ImageData): Promise<void>;
  /** `saving` → `killed`; nothing when it is no longer `saving`. */
  fail(tx: Tx, imageId: string): Promise<void>;
  /** An image whose data the actor may read. @throws `image-not-found`, `not-authorized`, `image-no-data` */
  findForDownload(actor: Actor, imageId: string): Promise<Image>;
  /** → `deleted`. @returns the blob that it referred to */
  delete(tx: Tx, actor: Actor, imageId: string): Promise<{ blobId: string | null }>;
}

/** The rooms that moving data walks through, and the engine's two entries. */
export interface TransferDeps {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly blobs: Blobs;
  readonly images: TransferImages;
  readonly buckets: Pick<Buckets, 'locate' | 'pin'>;
  readonly engine: {
    readonly checkSource: typeof checkSource;
    readonly runConversion: typeof runConversion;
  };
  readonly settings: TransferSettings;
  readonly now: () => number;
}
