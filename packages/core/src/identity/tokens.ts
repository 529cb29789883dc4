import { createHash, randomBytes } from 'node:crypto';
import { deleteExpiredTokens, deleteToken, findToken, insertToken } from '../catalog/identity-tokens.ts';
import type { FoundToken } from '../catalog/identity-tokens.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { judgeDomain, judgeProject, makeActor } from './scopes.ts';
import type { JudgedScope } from './scopes.ts';
import type { IssuedToken, NamedUser, TokenDetails } from './types.ts';

/** `iy_` and 32 random bytes in base64url; anything else is not looked up. */
const shape = /^iy_[A-Za-z0-9_-]{43}$/;

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** 16 random bytes that name a credential in logs. */
function newAuditId(): string {
  return randomBytes(16).toString('base64url');
}

export interface TokenGrant extends JudgedScope {
  readonly user: NamedUser;
  /** The user's `credential_version` that the proof was checked against. */
  readonly credentialVersion: number;
  readonly methods: readonly string[];
  /** The audit id of the token that this one was made from. */
  readonly originalAuditId?: string;
  /** Default: a whole life from now. */
  readonly expiresAt?: number;
}

/** Make and keep a token; only its SHA-256 is written. */
export async function issueToken(context: IdentityContext, grant: TokenGrant): Promise<IssuedToken> {
  const { settings, now, catalog } = context;
  const token = `iy_${randomBytes(32).toString('base64url')}`;
  const issuedAt = now();
  const details: TokenDetails = {
    user: grant.user,
    scope: grant.scope,
    roles: grant.roles,
    methods: grant.methods,
    auditIds: grant.originalAuditId === undefined ? [newAuditId()] : [newAuditId(), grant.originalAuditId],
    issuedAt,
    expiresAt: grant.expiresAt ?? issuedAt + settings.tokenLifeMs,
  };
  const row = {
    hash: hashOf(token),
    user_id: grant.user.id,
    scope: grant.scope.kind,
    scope_id: grant.scope.kind === 'unscoped' ? null : grant.scope.id,
    methods_json: JSON.stringify(details.methods),
    audit_ids_json: JSON.stringify(details.auditIds),
    credential_version: grant.credentialVersion,
    issued_at: issuedAt,
    expires_at: details.expiresAt,
  };
  await catalog.write((tx) => insertToken(tx, row, settings.mostTokensPerUser));
  return { token, details };
}

export interface LiveToken {
  readonly details: TokenDetails;
  readonly credentialVersion: number;
  readonly actor: Actor;
}

/**
 * A token, judged now: roles, user, project and domain as they are at this moment.
 * @throws {DomainError} `token-expired` (fact `expiresAt`), `token-unknown` for every other reason
 */
export async function readToken(context: IdentityContext, token: string): Promise<LiveToken> {
  const { catalog, now } = context;
  const row = shape.test(token) ? await findToken(catalog.db, hashOf(token)) : undefined;
  if (!row || row.credential_version !== row.user_credential_version)
    throw unknownToken('revoked or never issued');
  if (row.user_enabled !== 1 || row.domain_enabled !== 1)
    throw unknownToken('its user or domain is disabled');
  if (row.expires_at <= now())
    throw new DomainError('token-expired', `the token expired at ${new Date(row.expires_at).toISOString()}`, {
      expiresAt: row.expires_at,
    });
  const user: NamedUser = {
    id: row.user_id,
    name: row.user_name,
    domain: { id: row.domain_id, name: row.domain_name },
  };
  const judged = await judge(context, user, row);
  if (!judged) throw unknownToken('its project or domain is gone, disabled, or the user has no role there');
  const auditIds = JSON.parse(row.audit_ids_json) as string[];
  return {
    details: {
      user,
      ...judged,
      methods: JSON.parse(row.methods_json) as string[],
      auditIds,
      issuedAt: row.issued_at,
      expiresAt: row.expires_at,
    },
    credentialVersion: row.credential_version,
    actor: makeActor(user, judged, auditIds[0]!),
  };
}

/**
 * A token that the request is about, not the one it is made with.
 * @throws {DomainError} `identity-not-found` whatever is wrong with it
 */
export async function readSubjectToken(context: IdentityContext, token: string): Promise<LiveToken> {
  try {
    return await readToken(context, token);
  } catch (cause) {
    if (cause instanceof DomainError && (cause.kind === 'token-unknown' || cause.kind === 'token-expired'))
      throw new DomainError(
        'identity-not-found',
        'there is no such live token',
        { resource: 'token' },
        { cause },
      );
    throw cause;
  }
}

function unknownToken(reason: string): DomainError {
  return new DomainError('token-unknown', `the token does not count: ${reason}`);
}

async function judge(
  { catalog }: IdentityContext,
  user: NamedUser,
  row: FoundToken,
): Promise<JudgedScope | undefined> {
  if (row.scope === 'project') return await judgeProject(catalog.db, user.id, row.scope_id!);
  if (row.scope === 'domain') return await judgeDomain(catalog.db, user, row.scope_id!);
  return { scope: { kind: 'unscoped' }, roles: [] };
}

/** @returns whether there was such a token */
export async function revokeToken({ catalog }: IdentityContext, token: string): Promise<boolean> {
  return await catalog.write((tx) => deleteToken(tx, hashOf(token)));
}

const CLEAN_UP_BATCH = 500;

/** Delete rows of tokens that expired long ago, in short transactions. @returns how many went */
export async function cleanUpTokens({ catalog, settings, now }: IdentityContext): Promise<number> {
  const before = now() - settings.keepExpiredMs;
  let total = 0;
  for (;;) {
    const gone = await catalog.write((tx) => deleteExpiredTokens(tx, before, CLEAN_UP_BATCH));
    total += gone;
    if (gone < CLEAN_UP_BATCH) return total;
  }
}
