import type { Catalog, Tx } from '../catalog/database.ts';
import { countedImages, decrementImages, incrementImages } from '../catalog/images-usage.ts';
import { DomainError } from '../errors.ts';

/**
 * Take a place for one more image in the transaction that makes it.
 * @param maximum images a project may have; null: no limit
 * @throws {DomainError} `quota-exceeded` with `{ resource: 'images', maximum }`
 */
export async function reserveImage(tx: Tx, project: string, maximum: number | null): Promise<void> {
  if (await incrementImages(tx, project, maximum)) return;
  const message = `The project already has its maximum of ${maximum} images; delete one first`;
  throw new DomainError('quota-exceeded', message, { resource: 'images', maximum });
}

/** Give the place back, in the transaction that deletes the image. */
export function releaseImage(tx: Tx, project: string): Promise<void> {
  return decrementImages(tx, project);
}

/** How many images a project has, deleted ones not counted. */
export function imagesUsed(catalog: Catalog, project: string): Promise<number> {
  return countedImages(catalog.db, project);
}
