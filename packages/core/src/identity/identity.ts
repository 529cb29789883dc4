import type { Catalog } from '../catalog/database.ts';
import { createAccessKeys } from './access-keys.ts';
import type { AccessKeys } from './access-keys.ts';
import type { Actor } from './actor.ts';
import { bootstrap } from './bootstrap.ts';
import type { FirstStart, FirstStartFacts } from './bootstrap.ts';
import { defaultIdentitySettings } from './context.ts';
import type { IdentityContext, IdentitySettings } from './context.ts';
import { createGrants } from './grants.ts';
import type { Grants } from './grants.ts';
import { createKeyActors } from './key-actors.ts';
import { login } from './login.ts';
import { createPasswords } from './passwords.ts';
import type { Passwords } from './passwords.ts';
import { createDomains, createProjects } from './projects.ts';
import type { Domains, Projects } from './projects.ts';
import { can } from './policy.ts';
import { refusal } from './rights.ts';
import { createRoles } from './role-records.ts';
import type { Roles } from './role-records.ts';
import { createSecretBox } from './secret-box.ts';
import { cleanUpTokens, readSubjectToken, readToken, revokeToken } from './tokens.ts';
import type { LiveToken } from './tokens.ts';
import type { FoundAccessKey, IssuedToken, LoginRequest, TokenDetails } from './types.ts';
import { createUsers } from './users.ts';
import type { Users } from './users.ts';

/** Accounts, credentials and rights. */
export interface Identity {
  readonly domains: Domains;
  readonly projects: Projects;
  readonly users: Users;
  readonly roles: Roles;
  readonly grants: Grants;
  readonly accessKeys: AccessKeys;
  /** Make the first domain, project, user and key, once; later calls report what is left of them. */
  bootstrap(first: FirstStart): Promise<FirstStartFacts>;
  /**
   * @throws {DomainError} `credentials-wrong` (fact `reason` is for the log only), `login-busy`,
   *   `identity-not-found` for a dead token as proof
   */
  login(request: LoginRequest): Promise<IssuedToken>;
  /** Who holds this token, judged now. @throws {DomainError} `token-unknown`, `token-expired` */
  actorForToken(token: string): Promise<Actor>;
  /** The same with all facts of the token. @throws {DomainError} `token-unknown`, `token-expired` */
  readToken(token: string): Promise<LiveToken>;
  /**
   * Facts of a token for its owner (any of his tokens may ask) or an administrator.
   * @throws {DomainError} `identity-not-found` for a dead token, before the right is judged; `not-authorized`
   */
  inspectToken(actor: Actor, subject: string): Promise<TokenDetails>;
  /** End a token at once. @throws as `inspectToken` */
  revokeToken(actor: Actor, subject: string): Promise<void>;
  /** What checks a signature. @throws {DomainError} `key-unknown` */
  findAccessKey(access: string): Promise<FoundAccessKey>;
  /**
   * Who signs with this key; call it once the signature is proved.
   * @param projectId what the request names; default: the key's project, else the user's default or only one
   * @throws {DomainError} `key-unknown`; `not-authorized` when the user has no role there
   */
  actorForKey(access: string, projectId?: string): Promise<Actor>;
  /** The key acting in its user's own domain: signed identity calls without a project. */
  domainActorForKey(access: string): Promise<Actor>;
  /** Background work: expired tokens go, the last use of keys is written. Call it every few minutes. */
  cleanUp(): Promise<void>;
}

export interface IdentityOptions {
  readonly catalog: Catalog;
  /** 32 bytes, kept apart from the database: access keys are encrypted under it. */
  readonly secretKey: Uint8Array;
  /** Milliseconds since 1970; default: the system's clock. */
  readonly clock?: () => number;
  readonly settings?: Partial<IdentitySettings>;
  readonly passwords?: Passwords;
}

/** Clients log in again when less than two minutes are left; below this they would do nothing else. */
const leastTokenLifeMs = 600_000;

/** @throws {RangeError} when the secret key or the life of a token can't be right */
export function createIdentity(options: IdentityOptions): Identity {
  const context: IdentityContext = {
    catalog: options.catalog,
    settings: { ...defaultIdentitySettings, ...options.settings },
    secrets: createSecretBox(options.secretKey),
    passwords: options.passwords ?? createPasswords(),
    now: options.clock ?? Date.now,
  };
  if (context.settings.tokenLifeMs < leastTokenLifeMs)
    throw new RangeError(`tokens must live ten minutes, not ${context.settings.tokenLifeMs} ms`);
  const keys = createKeyActors(context);
  return {
    domains: createDomains(context),
    projects: createProjects(context),
    users: createUsers(context),
    roles: createRoles(context),
    grants: createGrants(context),
    accessKeys: createAccessKeys(context),
    bootstrap: (first) => bootstrap(context, first),
    login: (request) => login(context, request),
    actorForToken: async (token) => (await readToken(context, token)).actor,
    readToken: (token) => readToken(context, token),
    inspectToken: (actor, subject) => inspect(context, actor, subject, 'validate_token'),
    async revokeToken(actor, subject) {
      await inspect(context, actor, subject, 'revoke_token');
      await revokeToken(context, subject);
    },
    findAccessKey: keys.find,
    actorForKey: keys.actor,
    domainActorForKey: keys.domainActor,
    async cleanUp() {
      await cleanUpTokens(context);
      await keys.flush();
    },
  };
}

async function inspect(
  context: IdentityContext,
  actor: Actor,
  subject: string,
  rule: string,
): Promise<TokenDetails> {
  const live = await readSubjectToken(context, subject);
  if (live.details.user.id !== actor.userId && !can(actor, 'identity-admin')) throw refusal(rule);
  return live.details;
}
