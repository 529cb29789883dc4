import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createCRC64 } from 'hash-wasm';
import { crc32c } from '@imageyard/engine';
import type { ChecksumAlgorithm, ChecksumType } from '@imageyard/core';

/** The reflected polynomial of CRC-64/NVME, as hash-wasm wants it. */
const nvmePolynomial = '9a6c9329ac4bc9b5';

export interface ChecksumKind {
  readonly algorithm: ChecksumAlgorithm;
  readonly sizeBytes: number;
  /** How a multipart object's is made when the client doesn't say. */
  readonly multipart: ChecksumType;
  readonly allowed: readonly ChecksumType[];
  /** Element that carries it. */
  readonly element: string;
}

export const checksumKinds: Readonly<Record<ChecksumAlgorithm, ChecksumKind>> = {
  crc32: kind('crc32', 4, 'ChecksumCRC32', ['COMPOSITE', 'FULL_OBJECT']),
  crc32c: kind('crc32c', 4, 'ChecksumCRC32C', ['COMPOSITE', 'FULL_OBJECT']),
  crc64nvme: kind('crc64nvme', 8, 'ChecksumCRC64NVME', ['FULL_OBJECT']),
  sha1: kind('sha1', 20, 'ChecksumSHA1', ['COMPOSITE']),
  sha256: kind('sha256', 32, 'ChecksumSHA256', ['COMPOSITE']),
};

function kind(
  algorithm: ChecksumAlgorithm,
  sizeBytes: number,
  element: string,
  allowed: readonly [ChecksumType, ...ChecksumType[]],
): ChecksumKind {
  return { algorithm, sizeBytes, element, allowed, multipart: allowed[0] };
}

/** The kind of a name in any case. */
export function checksumKind(name: string): ChecksumKind | undefined {
  const lower = name.toLowerCase();
  return Object.hasOwn(checksumKinds, lower) ? checksumKinds[lower as ChecksumAlgorithm] : undefined;
}

/** A checksum being made. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** Base64 of the big-endian value; the end of it. */
  digest(): string;
}

function running32(next: (bytes: Uint8Array, before: number) => number): RunningChecksum {
  let value = 0;
  return {
    update: (bytes) => void (value = next(bytes, value)),
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes.toString('base64');
    },
  };
}

/** Begin a checksum. */
export async function startChecksum(algorithm: ChecksumAlgorithm): Promise<RunningChecksum> {
  switch (algorithm) {
    case 'crc32':
      return running32((bytes, before) => crc32(bytes, before));
    case 'crc32c':
      return running32(crc32c);
    case 'crc64nvme': {
      const hash = await createCRC64(nvmePolynomial);
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => Buffer.from(hash.digest('hex'), 'hex').toString('base64'),
      };
    }
    default: {
      const hash = createHash(algorithm);
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('base64') };
    }
  }
}
