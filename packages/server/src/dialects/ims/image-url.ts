import { ImsError } from './errors.ts';

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/**
 * Split `bucket:object` at the first colon and check both against the storage naming rules.
 * @throws {ImsError} IMG.0017, 0068, 0109, 0073, 0074, 0175, 0075
 */
export function parseImageUrl(imageUrl: string): { bucket: string; key: string } {
  const colon = imageUrl.indexOf(':');
  if (colon < 0) throw new ImsError('IMG.0017');
  const bucket = imageUrl.slice(0, colon);
  const key = imageUrl.slice(colon + 1);
  if (bucket === '') throw new ImsError('IMG.0068');
  if (!bucketName.test(bucket) || /\.\.|\.-|-\./.test(bucket) || ipv4.test(bucket))
    throw new ImsError('IMG.0109');
  if (key === '') throw new ImsError('IMG.0073');
  if (Buffer.byteLength(key) > 1024) throw new ImsError('IMG.0074');
  if (/\s/u.test(key)) throw new ImsError('IMG.0175');
  // A lone surrogate has no UTF-8 form; \p{Cc} are the control characters.
  if (key.startsWith('/') || /[\p{Cc}\p{Cs}]/u.test(key)) throw new ImsError('IMG.0075');
  return { bucket, key };
}
