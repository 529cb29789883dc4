import type { FormatName } from '@imageyard/engine';

export const imageStatuses = [
  'queued',
  'saving',
  'active',
  'killed',
  'deleted',
  'uploading',
  'importing',
  'pending_delete',
  'deactivated',
] as const;
export type ImageStatus = (typeof imageStatuses)[number];
export type Visibility = 'private' | 'shared' | 'community' | 'public';
export type MemberStatus = 'pending' | 'accepted' | 'rejected';

/** One image as the catalogue knows it. Times are milliseconds UTC, sizes bytes. */
export interface Image {
  readonly id: string;
  readonly owner: string;
  readonly name: string | null;
  readonly status: ImageStatus;
  readonly visibility: Visibility;
  readonly isProtected: boolean;
  readonly isHidden: boolean;
  readonly containerFormat: string | null;
  readonly diskFormat: string | null;
  /** The caller named a disk format; a default never makes an upload fail. */
  readonly diskFormatStated: boolean;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  readonly md5: string | null;
  readonly hashAlgorithm: string | null;
  readonly hashValue: string | null;
  readonly blobId: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly activeAt: number | null;
  readonly deletedAt: number | null;
  /** In the order given, no duplicates, verbatim. */
  readonly tags: readonly string[];
  /** Every other attribute, `__os_version` and extension attributes alike; all strings. */
  readonly properties: Readonly<Record<string, string>>;
  /** Names among `properties` that no caller wrote (`__os_type`, `__data_origin`); plain Glance hides them. */
  readonly platformProperties: readonly string[];
}

/** A project that may use somebody else's image. Times are milliseconds UTC. */
export interface ImageMember {
  readonly imageId: string;
  readonly member: string;
  readonly status: MemberStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What becomes true of an image when its data is there. */
export interface ImageData {
  readonly blobId: string;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number | null;
  readonly md5: string;
  readonly hashAlgorithm: 'sha512' | 'sha256';
  readonly hashValue: string;
  /** What is stored. */
  readonly diskFormat: FormatName | string;
  /** Properties set with it, e.g. `__data_origin`, `__root_origin`, `__image_size`. */
  readonly properties: Readonly<Record<string, string>>;
}
