import type { Visibility } from './record.ts';

/** What a caller says about a new image; what is absent gets the settings' default. */
export interface ImageDraft {
  /** Any UUID that was never used; default: a random one. */
  readonly id?: string | undefined;
  readonly name?: string | null | undefined;
  /** Another project than the caller's: administrators alone. */
  readonly owner?: string | undefined;
  readonly visibility?: Visibility | undefined;
  readonly isProtected?: boolean | undefined;
  readonly isHidden?: boolean | undefined;
  readonly containerFormat?: string | null | undefined;
  readonly diskFormat?: string | null | undefined;
  readonly minDiskGb?: number | undefined;
  readonly minRamMb?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/**
 * One operation on one attribute, named as on the wire (`name`, `min_disk`, `tags`, any property).
 * `add` sets whatever was there, `insert` only what was not, `replace` only what was.
 */
export type ImageChange =
  | { readonly op: 'add' | 'insert' | 'replace'; readonly name: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly name: string };
