import type { ColumnType } from 'kysely';

/** Sort columns are never null, so that every page has a place to go on from. */
export interface ImageRow {
  id: string;
  owner: string;
  /** '' also where there is no name: see `named`. */
  name: string;
  named: number;
  status: string;
  visibility: string;
  /** 1: turned from private to shared by the first member, to be turned back by the last. */
  shared_by_members: number;
  protected: number;
  hidden: number;
  /** '' while unknown. */
  container_format: string;
  disk_format: string;
  disk_format_stated: number;
  min_disk: number;
  min_ram: number;
  /** Bytes; −1 while unknown. */
  size: number;
  virtual_size: number | null;
  md5: string | null;
  hash_algorithm: string | null;
  hash_value: string | null;
  blob_id: string | null;
  created_at: number;
  updated_at: number;
  active_at: number | null;
  deleted_at: number | null;
  /** JSON array of texts. */
  tags: string;
  /** JSON object of texts. */
  properties: string;
  /** JSON array: the names among `properties` that no caller wrote. */
  platform_properties: string;
  /** PostgreSQL alone; derived, see `facets.ts`. */
  facets: ColumnType<never, string[] | undefined, string[] | undefined>;
}

export interface ImageMemberRow {
  image_id: string;
  member: string;
  status: string;
  /** The image's own time, so that a member's list is walked in its order. */
  image_created_at: number;
  created_at: number;
  updated_at: number;
}

/** SQLite alone; derived, see `facets.ts`. */
export interface ImageFacetRow {
  scope: string;
  facet: string;
  created_at: number;
  image_id: string;
}

export interface ImagesTables {
  images: ImageRow;
  image_members: ImageMemberRow;
  image_facets: ImageFacetRow;
  project_usage: { project: string; images: number };
}
