import { createHash } from 'node:crypto';
import { DomainError } from '@imageyard/core';
import type { Actor, Identity } from '@imageyard/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { announcedBytes, wholeBody } from '../http/body.ts';
import { checkBody } from '../http/body-check.ts';
import { createByteBudget } from './byte-budget.ts';
import type { ByteBudget } from './byte-budget.ts';
import {
  emptySha256,
  formatSdkDate,
  isSignatureRight,
  parseAuthorization,
  parseSdkDate,
  sha256,
} from './sdk-hmac.ts';
import type { SdkAuthorization } from './sdk-hmac.ts';

export interface AuthenticateOptions {
  /**
   * What a signed request without `X-Project-Id` acts in: the key's project (images), or its user's
   * domain (identity calls).
   */
  readonly withoutProject?: 'project' | 'domain';
}

/**
 * Who sends this request, by `X-Auth-Token` or by an SDK-HMAC-SHA256 signature; the token is judged
 * when there are both. A signature that covers the body reads it first, so nothing happens before
 * it is proved; one that covers the body's announced hash has the body checked by whoever reads it.
 * @throws {DomainError} `credentials-missing`, `token-unknown`, `token-expired`, `key-unknown`,
 *   `signature-mismatch`, `signature-expired`, `signature-body-too-large`, `not-authorized` (no role in the project)
 */
export type Authenticate = (
  request: FastifyRequest,
  reply: FastifyReply,
  options?: AuthenticateOptions,
) => Promise<Actor>;

export interface AuthenticateDeps {
  readonly identity: Pick<Identity, 'actorForToken' | 'findAccessKey' | 'actorForKey' | 'domainActorForKey'>;
  /** Largest body that may be signed, bytes. */
  readonly signedBodyLimitBytes: number;
  /** Milliseconds since 1970; default: the system's clock. */
  readonly clock?: () => number;
}

const MiB = 1024 * 1024;
/** A body is held in memory until its signature is proved: no more than this, whatever the setting says. */
const heldBodyLimitBytes = 12 * MiB;
/** All bodies held for strangers at a time; small ones are not counted. */
const heldTotalBytes = 36 * MiB;
const uncountedBytes = 64 * 1024;
/** Clocks may differ by this much. */
const skewMs = 900_000;
const unsignedPayload = 'UNSIGNED-PAYLOAD';

export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  const budget = createByteBudget(heldTotalBytes);
  return async (request, reply, options = {}) => {
    const token = headerOf(request, 'x-auth-token');
    if (token !== undefined && token !== '') return await deps.identity.actorForToken(token);
    const authorization = headerOf(request, 'authorization');
    if (authorization === undefined || !/^\S*-HMAC-/.test(authorization))
      throw new DomainError('credentials-missing', 'the request has neither a token nor a signature');
    const parsed = parseAuthorization(authorization);
    if (!parsed) throw mismatch('the Authorization header is not a well-formed SDK-HMAC-SHA256 signature');
    await proveSignature(deps, budget, request, reply, parsed);
    const projectId = headerOf(request, 'x-project-id') || undefined;
    if (projectId === undefined && options.withoutProject === 'domain')
      return await deps.identity.domainActorForKey(parsed.access);
    return await deps.identity.actorForKey(parsed.access, projectId);
  };
}

async function proveSignature(
  deps: AuthenticateDeps,
  budget: ByteBudget,
  request: FastifyRequest,
  reply: FastifyReply,
  authorization: SdkAuthorization,
): Promise<void> {
  const date = signedDate(request, authorization, (deps.clock ?? Date.now)());
  const { secret } = await deps.identity.findAccessKey(authorization.access);
  const payload = await signedPayload(deps, budget, request, reply);
  const signed = {
    method: request.method,
    url: request.raw.url ?? '/',
    header: (name: string) => (name === 'host' ? request.host : headerOf(request, name)),
    date,
    payload,
  };
  if (!isSignatureRight(authorization, signed, secret))
    throw mismatch('the signature is not the one that the request and the secret key give');
}

/** The signed date, if it is near enough. */
function signedDate(request: FastifyRequest, authorization: SdkAuthorization, now: number): string {
  const date = headerOf(request, 'x-sdk-date');
  const at = date === undefined ? undefined : parseSdkDate(date);
  if (date === undefined || at === undefined) throw mismatch('X-Sdk-Date must be like 20241106T071454Z');
  if (!authorization.signedHeaders.includes('x-sdk-date')) throw mismatch('X-Sdk-Date must be signed');
  if (authorization.dialect === 'B' && authorization.credentialScope.date !== date.slice(0, 8))
    throw mismatch('the date of the credential is not the day of X-Sdk-Date');
  if (Math.abs(now - at) > skewMs)
    throw new DomainError(
      'signature-expired',
      `the request was signed at ${date}, it is ${formatSdkDate(now)}`,
      {
        x_sdk_date: date,
        now: formatSdkDate(now),
      },
    );
  return date;
}

/** The payload line of the canonical request; reads the body unless a header stands for it. */
async function signedPayload(
  { signedBodyLimitBytes }: AuthenticateDeps,
  budget: ByteBudget,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<string> {
  const announced = announcedBytes(request);
  const declared = headerOf(request, 'x-sdk-content-sha256');
  if (declared === unsignedPayload) return declared;
  if (announced !== undefined && announced > signedBodyLimitBytes) throw tooLarge(signedBodyLimitBytes);
  if (declared !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(declared))
      throw mismatch('X-Sdk-Content-Sha256 is neither a hash nor UNSIGNED-PAYLOAD');
    expectHash(request, declared, signedBodyLimitBytes);
    if (announced === 0 && declared !== emptySha256)
      throw mismatch('the body is empty, its announced hash is not');
    return declared;
  }
  if (announced === 0) return 'none';
  const limit = Math.min(signedBodyLimitBytes, heldBodyLimitBytes);
  if (announced !== undefined && announced > limit) throw tooLarge(limit);
  if (announced === undefined || announced > uncountedBytes) {
    const giveBack = await budget.take(announced ?? limit);
    reply.raw.once('close', giveBack);
    if (reply.raw.destroyed) giveBack();
  }
  try {
    return sha256(await wholeBody(request, reply, limit));
  } catch (error) {
    if ((error as { kind?: unknown }).kind === 'body-too-large') throw tooLarge(limit);
    throw error;
  }
}

/** The announced hash is proved by the signature; that the body has it shows when it is read. */
function expectHash(request: FastifyRequest, expected: string, limitBytes: number): void {
  const hash = createHash('sha256');
  let length = 0;
  checkBody(request, {
    update(chunk) {
      length += chunk.length;
      if (length <= limitBytes) hash.update(chunk);
    },
    finish() {
      if (length > limitBytes) throw tooLarge(limitBytes);
      if (hash.digest('hex') !== expected) throw mismatch('the body is not the one whose hash was signed');
    },
  });
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function mismatch(message: string): DomainError {
  return new DomainError('signature-mismatch', message);
}

function tooLarge(limitBytes: number): DomainError {
  return new DomainError(
    'signature-body-too-large',
    `a signed body may have ${limitBytes} bytes; send larger ones with a token`,
    { limitBytes },
  );
}
