/** Most bytes of an object key. */
export const keyLimitBytes = 1024;

/**
 * Bucket names as S3 and OBS have them: 3 to 63 of `a-z 0-9 . -`, first and last alphanumeric, no
 * `..`, `.-`, `-.`, no IPv4 address, none of the names that S3 keeps for itself.
 */
export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    !/^\d{1,3}(\.\d{1,3}){3}$/.test(name) &&
    !name.startsWith('xn--') &&
    !name.endsWith('-s3alias') &&
    !name.endsWith('--ol-s3')
  );
}
