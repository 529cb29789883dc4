import type { WholeHashes } from '../blob/hashes.ts';
import type { ImageData } from '../image/record.ts';
import type { TransferSettings } from './settings.ts';

/** What becomes true of an image with its data. */
export function imageDataOf(
  settings: Pick<TransferSettings, 'hashAlgorithm'>,
  stored: {
    readonly blobId: string;
    readonly sizeBytes: number;
    readonly virtualSizeBytes: number | null;
    readonly digests: WholeHashes;
    readonly format: string;
  },
  properties: Readonly<Record<string, string>>,
): ImageData {
  const { blobId, sizeBytes, virtualSizeBytes, digests, format } = stored;
  const { hashAlgorithm } = settings;
  return {
    blobId,
    sizeBytes,
    virtualSizeBytes,
    md5: digests.md5,
    hashAlgorithm,
    hashValue: digests[hashAlgorithm],
    diskFormat: format,
    properties: {
      ...properties,
      __image_size: String(sizeBytes),
      // Glance's two attributes name one algorithm; the other is shown beside them (adr/0004).
      os_hash_sha256: digests.sha256,
      ...(format === 'iso' ? { virtual_env_type: 'IsoImage' } : {}),
    },
  };
}
