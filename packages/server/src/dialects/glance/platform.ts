import type { Image } from '@imageyard/core';

const imageTypes = { public: 'gold', shared: 'shared', private: 'private', community: 'private' } as const;

/**
 * The attributes that the platform, not a caller, gives an image; all strings. What the catalogue
 * keeps under the same name (set at creation or by a job) replaces the value here.
 */
export function platformAttributes(image: Image): Record<string, string> {
  return {
    __isregistered: 'true',
    __imagetype: imageTypes[image.visibility],
    __image_source_type: 'uds',
    __image_size: String(image.sizeBytes ?? 0),
    __os_version: 'Other Linux(64 bit)',
    __os_type: 'Linux',
    __os_bit: '64',
    __platform: 'Other',
    __originalimagename: '',
    __backup_id: '',
    virtual_env_type: image.diskFormat === 'iso' ? 'IsoImage' : 'FusionCompute',
    enterprise_project_id: '0',
  };
}
