import type { FormatName } from '@imageyard/engine';

const GiB = 1024 ** 3;

/** What an operator may change about moving data. Sizes in bytes. */
export interface TransferSettings {
  /** Stored format where the image names none; `keep` stores what came. */
  readonly defaultFormat: FormatName | 'keep';
  /** Largest bucket object that can be registered. */
  readonly registerLimitBytes: number;
  /** Largest upload body. */
  readonly uploadLimitBytes: number;
  /** Largest disk that a guest may see. */
  readonly virtualSizeLimitBytes: number;
  /** Unfinished jobs of one project. */
  readonly acceptedJobs: number;
  /** What an image names beside MD5. */
  readonly hashAlgorithm: 'sha512' | 'sha256';
  /** `off`: an upload's content may differ from its declared format. */
  readonly formatEnforcement: 'on' | 'off';
  /** What a broken upload leaves: a dead image, or one that may be uploaded to again. */
  readonly failedUpload: 'killed' | 'queued';
  /** Conversion threads for one job; default: cores. */
  readonly lanes?: number;
}

export const transferDefaults: TransferSettings = {
  defaultFormat: 'zvhd2',
  registerLimitBytes: 128 * GiB,
  uploadLimitBytes: 128 * GiB,
  virtualSizeLimitBytes: 1024 * GiB,
  acceptedJobs: 40,
  hashAlgorithm: 'sha512',
  formatEnforcement: 'on',
  failedUpload: 'killed',
};
