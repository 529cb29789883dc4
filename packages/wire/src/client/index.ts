export { BucketClient } from './bucket.ts';
export type { BucketAccess } from './bucket.ts';
export { RefusedError, UnreachableError } from './errors.ts';
export { createImage, deleteImage, registerImage, showImage, showJob } from './images.ts';
export type { ImageView, JobView } from './images.ts';
export { Session } from './session.ts';
export type { Connection } from './session.ts';
