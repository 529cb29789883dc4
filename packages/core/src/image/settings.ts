import type { Visibility } from './record.ts';

/** Where the two worlds differ that use the same images, and an operator's limits. */
export interface ImageSettings {
  readonly defaultVisibility: Visibility;
  /** Null: unknown until a caller names it, and needed before data is uploaded. */
  readonly defaultDiskFormat: string | null;
  readonly defaultContainerFormat: string | null;
  /** Give each image the platform's attributes (`__os_type`, …) made from its `__os_version`. */
  readonly platformAttributes: boolean;
  /** Images of a project, deleted ones not counted; null: no limit. */
  readonly imagesPerProject: number | null;
  readonly tagsPerImage: number;
  /** Attributes that callers added; the platform's own are not counted. */
  readonly propertiesPerImage: number;
  readonly membersPerImage: number;
}

/** Defaults for clients of the Open Telekom Cloud. */
export const otcImageSettings: ImageSettings = {
  defaultVisibility: 'private',
  defaultDiskFormat: 'zvhd2',
  defaultContainerFormat: 'bare',
  platformAttributes: true,
  imagesPerProject: null,
  tagsPerImage: 10,
  propertiesPerImage: 128,
  membersPerImage: 256,
};

/** Defaults for plain OpenStack clients. */
export const glanceImageSettings: ImageSettings = {
  defaultVisibility: 'shared',
  defaultDiskFormat: null,
  defaultContainerFormat: null,
  platformAttributes: false,
  imagesPerProject: null,
  tagsPerImage: 128,
  propertiesPerImage: 128,
  membersPerImage: 128,
};
