import { DomainError } from '../errors.ts';
import type { ImageStatus } from './record.ts';

/** Every legal change of status: THE table. What is not in it can't happen. */
export const statusChanges: Readonly<Record<ImageStatus, readonly ImageStatus[]>> = {
  queued: ['saving', 'uploading', 'importing', 'deleted'],
  // Back to queued: a broken upload in the Glance dialect, which may be repeated.
  saving: ['active', 'killed', 'queued', 'deleted'],
  uploading: ['importing', 'queued', 'deleted'],
  importing: ['active', 'queued', 'killed', 'deleted'],
  active: ['deactivated', 'deleted'],
  deactivated: ['active', 'deleted'],
  killed: ['deleted'],
  pending_delete: ['deleted'],
  deleted: [],
};

/** @throws {DomainError} `image-wrong-state` with `{ imageId, status, wanted }` */
export function checkStatusChange(imageId: string, from: ImageStatus, to: ImageStatus): void {
  if (statusChanges[from].includes(to)) return;
  const message = `Image status transition from ${from} to ${to} is not allowed`;
  throw new DomainError('image-wrong-state', message, { imageId, status: from, wanted: to });
}
