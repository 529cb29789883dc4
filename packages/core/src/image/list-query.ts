import type { MemberStatus, Visibility } from './record.ts';

/** What lists are sorted by; `id` always comes last. */
export const imageSortKeys = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const;
export type ImageSortKey = (typeof imageSortKeys)[number];

export interface ImageSort {
  readonly key: ImageSortKey;
  readonly direction: 'asc' | 'desc';
}

export type ImageTextAttribute =
  | 'id'
  | 'name'
  | 'status'
  | 'owner'
  | 'container_format'
  | 'disk_format'
  | 'checksum'
  | 'os_hash_algo'
  | 'os_hash_value';

/** One condition on images; all of a list hold. */
export type ImageFilter =
  /** The attribute is one of the values; of none: no image. */
  | { readonly kind: 'anyOf'; readonly name: ImageTextAttribute; readonly values: readonly string[] }
  /** `size` in bytes, `min_disk` in GB, `min_ram` in MB; an image of unknown size has none. */
  | { readonly kind: 'integer'; readonly name: 'min_disk' | 'min_ram' | 'size'; readonly value: number }
  /** Without a condition on `os_hidden` hidden images are left out. */
  | { readonly kind: 'flag'; readonly name: 'protected' | 'os_hidden'; readonly value: boolean }
  | { readonly kind: 'size'; readonly bound: 'min' | 'max'; readonly bytes: number }
  /** Whole seconds are compared, as times are shown. */
  | {
      readonly kind: 'time';
      readonly name: 'created_at' | 'updated_at';
      readonly op: 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq';
      readonly ms: number;
    }
  /** The image has a tag that is one of these, verbatim. */
  | { readonly kind: 'tag'; readonly values: readonly string[] }
  | { readonly kind: 'property'; readonly name: string; readonly value: string }
  /** No image. */
  | { readonly kind: 'none' };

/** A page of images (glance.md 6, IMS 6.1). */
export interface ImageListQuery {
  /** Absent: own, public, and shared with me; communities only when asked for. */
  readonly visibility?: Visibility | 'all' | undefined;
  /** Of images shared with me; default `accepted`. */
  readonly memberStatus?: MemberStatus | 'all' | undefined;
  readonly filters?: readonly ImageFilter[];
  /** Default: newest first. The last key's direction is the tie-breaker's too. */
  readonly sort?: readonly ImageSort[];
  /** 0 … 1000; more is 1000. */
  readonly limit: number;
  /** Id of the last image of the page before. */
  readonly marker?: string | undefined;
  /** The caller's deleted images instead (IMS `status=deleted`). */
  readonly deleted?: boolean;
}
