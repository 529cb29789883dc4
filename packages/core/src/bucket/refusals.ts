import { DomainError } from '../errors.ts';

export const bucketNotFound = (bucket: string): DomainError =>
  new DomainError('bucket-not-found', `there is no bucket ${JSON.stringify(bucket)}`, { bucket });

export const objectNotFound = (key: string): DomainError =>
  new DomainError('object-not-found', 'there is no such object', { key });

export const uploadNotFound = (uploadId: string): DomainError =>
  new DomainError('upload-not-found', 'there is no such upload; it may have been completed or aborted', {
    uploadId,
  });
