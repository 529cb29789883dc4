import { findDomain } from '../catalog/identity-projects.ts';
import { findUser, updateUser } from '../catalog/identity-users.ts';
import type { UserRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { IdentityContext } from './context.ts';
import { foldName } from './roles.ts';
import { domainKey, judgeRequest } from './scopes.ts';
import { issueToken, readSubjectToken } from './tokens.ts';
import type { IssuedToken, LoginProof, LoginRequest, NamedUser } from './types.ts';

interface ProvenUser {
  readonly user: NamedUser;
  readonly credentialVersion: number;
  readonly methods: readonly string[];
  /** Of the token that was the proof. */
  readonly originalAuditId?: string;
  readonly expiresAt?: number;
}

/**
 * Check every proof, then the scope, then issue a token.
 *
 * An unknown or disabled user, a wrong password and a scope without a role give the same error; a
 * password costs one hash in every case. The true reason is in the fact `reason`, for the log.
 * @throws {DomainError} `credentials-wrong`, `login-busy`; `identity-not-found` for a dead token as proof
 */
export async function login(context: IdentityContext, request: LoginRequest): Promise<IssuedToken> {
  let proven: ProvenUser | undefined;
  for (const proof of request.proofs) {
    const next = await prove(context, proof);
    if (proven && proven.user.id !== next.user.id)
      throw wrong('the proofs name different users', next.user.id);
    proven = proven ? merge(proven, next) : next;
  }
  if (!proven) throw wrong('no proof given');
  const { user } = proven;
  const row = await findUser(context.catalog.db, { id: user.id });
  if (!row) throw wrong('the user was deleted', user.id);
  const judged = await judgeRequest(context.catalog.db, user, row.default_project_id, request.scope);
  if (!judged) throw wrong('the user has no role in the scope, or it is gone or disabled', user.id);
  return await issueToken(context, { ...proven, ...judged });
}

/** The stricter of both: the older proof of the password, the earlier end. */
function merge(a: ProvenUser, b: ProvenUser): ProvenUser {
  const expiresAt = Math.min(a.expiresAt ?? Infinity, b.expiresAt ?? Infinity);
  const originalAuditId = a.originalAuditId ?? b.originalAuditId;
  return {
    user: a.user,
    credentialVersion: Math.min(a.credentialVersion, b.credentialVersion),
    methods: [...new Set([...a.methods, ...b.methods])],
    ...(originalAuditId === undefined ? {} : { originalAuditId }),
    ...(Number.isFinite(expiresAt) ? { expiresAt } : {}),
  };
}

async function prove(context: IdentityContext, proof: LoginProof): Promise<ProvenUser> {
  if (proof.method === 'password') return await provePassword(context, proof);
  const { details, credentialVersion } = await readSubjectToken(context, proof.token);
  return {
    user: details.user,
    credentialVersion,
    methods: [...new Set([...details.methods, 'token'])],
    originalAuditId: details.auditIds.at(-1)!,
    expiresAt: details.expiresAt,
  };
}

async function provePassword(
  context: IdentityContext,
  proof: LoginProof & { method: 'password' },
): Promise<ProvenUser> {
  const found = await findByLogin(context, proof.user);
  const stored = found?.row.password_hash ?? undefined;
  const right = await context.passwords.verify(proof.password, stored);
  if (!found) throw wrong('unknown user or domain');
  const { row, user, domainEnabled } = found;
  if (!right) throw wrong('wrong password', row.id);
  if (row.enabled !== 1 || !domainEnabled) throw wrong('the user or his domain is disabled', row.id);
  if (context.passwords.isOutdated(stored!)) await rehash(context, row, proof.password);
  return { user, credentialVersion: row.credential_version, methods: ['password'] };
}

async function findByLogin(
  { catalog }: IdentityContext,
  which: (LoginProof & { method: 'password' })['user'],
): Promise<{ row: UserRow; user: NamedUser; domainEnabled: boolean } | undefined> {
  let row: UserRow | undefined;
  if ('id' in which) row = await findUser(catalog.db, { id: which.id });
  else {
    const domain = await findDomain(catalog.db, domainKey(which.domain));
    row = domain && (await findUser(catalog.db, { domainId: domain.id, nameKey: foldName(which.name) }));
  }
  const domain = row && (await findDomain(catalog.db, { id: row.domain_id }));
  if (!row || !domain) return undefined;
  const user = { id: row.id, name: row.name, domain: { id: domain.id, name: domain.name } };
  return { row, user, domainEnabled: domain.enabled === 1 };
}

/** Bring a hash made with older parameters up to date; tokens stay alive. */
async function rehash(
  { catalog, passwords }: IdentityContext,
  row: UserRow,
  password: string,
): Promise<void> {
  const password_hash = await passwords.hash(password);
  await catalog.write(async (tx) => {
    const now = await findUser(tx, { id: row.id });
    if (now?.password_hash === row.password_hash) await updateUser(tx, row.id, { password_hash }, false);
  });
}

function wrong(reason: string, userId?: string): DomainError {
  return new DomainError('credentials-wrong', 'the credentials or the scope are not valid', {
    reason,
    userId,
  });
}
