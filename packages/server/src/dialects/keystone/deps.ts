import type { Identity } from '@imageyard/core';
import type { Authenticate } from '../../auth/authenticate.ts';
import type { FastifyRequest } from '../../http/fastify.ts';

/** What the identity API is built from. */
export interface KeystoneDeps {
  readonly identity: Identity;
  readonly authenticate: Authenticate;
  /** Name of the one region. */
  readonly region: string;
  /** Where clients reach the API, without trailing slash; undefined: as each request names the host. */
  readonly publicUrl: string | undefined;
  /** Where clients reach the buckets, without trailing slash; undefined: there is no bucket listener. */
  readonly bucketUrl: (request: FastifyRequest) => string | undefined;
}

/** One of the trees in which the same API answers: at the root or under `/identity`, as v3 or v3.0. */
export interface Tree extends KeystoneDeps {
  /** E.g. `/identity/v3`. */
  readonly prefix: string;
}
