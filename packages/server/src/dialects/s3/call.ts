import type { Actor, Blobs, Bucket, Buckets } from '@imageyard/core';
import type { Payload } from './auth/signed-request.ts';
import { parameter } from './auth/signed-request.ts';
import type { IncomingBody } from './body/incoming.ts';
import type { DialectName, Headers } from './headers.ts';
import { prefixOf } from './headers.ts';
import type { Target } from './target.ts';

/** What the verbs work with. */
export interface BucketCore {
  readonly buckets: Buckets;
  readonly blobs: Blobs;
}

/** A request that is authenticated and whose bucket was judged. */
export interface Call {
  readonly method: string;
  readonly target: Target;
  readonly headers: Headers;
  readonly dialect: DialectName;
  readonly actor: Actor;
  readonly payload: Payload;
  readonly body: IncomingBody;
  readonly core: BucketCore;
  readonly region: string;
  /** Scheme and host as the client named them, for links. */
  readonly baseUrl: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** The signature came in the query. */
  readonly isPresigned: boolean;
}

/** A call on a bucket that the caller may use so. */
export interface BucketCall extends Call {
  readonly bucket: Bucket;
}

/** A query parameter, whatever else stands there; undefined when absent. */
export const query = (call: Pick<Call, 'target'>, name: string): string | undefined =>
  call.target.query.find((p) => p.name === name)?.value;

/** A query parameter whose name's case doesn't matter. */
export const looseQuery = (call: Pick<Call, 'target'>, name: string): string | undefined =>
  parameter(call.target.query, name);

/** A header of the dialect's own, by its name without prefix (`storage-class`). */
export const vendorHeader = (call: Pick<Call, 'dialect' | 'headers'>, name: string): string | undefined =>
  call.headers.get(`${prefixOf(call.dialect)}${name}`);
