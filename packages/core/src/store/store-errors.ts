import { DomainError } from '../errors.ts';

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The file system's words in ours: no room is `storage-full`, everything else stays as it is. */
export function storeError(error: unknown, id: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== undefined && fullCodes.has(code)) {
    return new DomainError(
      'storage-full',
      `the store has no room for blob ${id}; free space or enlarge the disk`,
      { blobId: id },
      { cause: error },
    );
  }
  return error;
}
