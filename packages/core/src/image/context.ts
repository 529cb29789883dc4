import type { Catalog } from '../catalog/database.ts';
import type { ImageSettings } from './settings.ts';

/** What the room's functions share. */
export interface ImageContext {
  readonly catalog: Catalog;
  readonly settings: ImageSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
