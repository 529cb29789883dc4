import type { Actor, Identity } from '@imageyard/core';
import { S3Error } from '../errors.ts';
import type { DialectName } from '../headers.ts';
import { prefixOf } from '../headers.ts';
import { sigV2Header, sigV2Presigned } from './sigv2.ts';
import { algorithm, sigV4Header, sigV4Presigned } from './sigv4.ts';
import { parameter } from './signed-request.ts';
import type { Payload, SignedRequest } from './signed-request.ts';

/** What the gateway needs of accounts. */
export type KeyStore = Pick<Identity, 'findAccessKey' | 'actorForKey'>;

export interface Authenticated {
  readonly actor: Actor;
  readonly payload: Payload;
}

export interface AuthOptions {
  readonly keys: KeyStore;
  readonly now: number;
  readonly onlyRegion?: string | undefined;
}

/** A scheme that a request claims to be signed with. */
interface Claim {
  readonly access: string;
  verify(secret: string): Payload;
}

const queryScheme = ({ target: { query } }: SignedRequest): 'v4' | 'v2' | 'obs' | undefined => {
  if (parameter(query, 'x-amz-algorithm') !== undefined) return 'v4';
  if (parameter(query, 'signature') === undefined || parameter(query, 'expires') === undefined)
    return undefined;
  if (parameter(query, 'awsaccesskeyid') !== undefined) return 'v2';
  return parameter(query, 'accesskeyid') === undefined ? undefined : 'obs';
};

/** In which words to answer: those of the signature, or of an anonymous request's own headers. */
export function dialectOf(request: SignedRequest): DialectName {
  const authorization = request.headers.get('authorization');
  if (authorization !== undefined) return authorization.startsWith('OBS ') ? 'obs' : 's3';
  const inQuery = queryScheme(request);
  if (inQuery !== undefined) return inQuery === 'obs' ? 'obs' : 's3';
  return request.headers.startingWith('x-obs-').length > 0 ? 'obs' : 's3';
}

/** Was the signature in the query? Such checksums there are claims about another body. */
export const isPresigned = (request: SignedRequest): boolean => queryScheme(request) !== undefined;

function claimOf(request: SignedRequest, options: AuthOptions): Claim | undefined {
  const authorization = request.headers.get('authorization');
  const inQuery = queryScheme(request);
  if (authorization !== undefined && inQuery !== undefined)
    throw new S3Error(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      { ArgumentName: 'Authorization' },
    );
  if (authorization !== undefined) {
    if (authorization.startsWith(algorithm)) return sigV4Header(request, authorization, options);
    if (authorization.startsWith('AWS ')) return sigV2Header(request, authorization, 's3', options.now);
    if (authorization.startsWith('OBS ')) return sigV2Header(request, authorization, 'obs', options.now);
    throw new S3Error('AccessDenied', 'The authorization mechanism is not one that is supported.');
  }
  if (inQuery === 'v4') return sigV4Presigned(request, options);
  if (inQuery === 'v2') return sigV2Presigned(request, 's3', options.now);
  if (inQuery === 'obs') return sigV2Presigned(request, 'obs', options.now);
  return undefined;
}

/**
 * Who asks, proved; in this order: the access key is known, the clock agrees, the signature fits.
 * @throws {S3Error} AccessDenied for anonymous requests; the errors of the schemes
 * @throws {DomainError} `key-unknown`, `not-authorized`
 */
export async function authenticate(request: SignedRequest, options: AuthOptions): Promise<Authenticated> {
  const claim = claimOf(request, options);
  if (!claim) throw new S3Error('AccessDenied');
  const key = await options.keys.findAccessKey(claim.access);
  // Only temporary keys carry a token; every key of ours is a lasting one.
  const token = `${prefixOf(dialectOf(request))}security-token`;
  if (request.headers.get(token) !== undefined || parameter(request.target.query, token) !== undefined)
    throw new S3Error('InvalidToken');
  const payload = claim.verify(key.secret);
  return { actor: await options.keys.actorForKey(claim.access), payload };
}
