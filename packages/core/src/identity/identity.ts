import type { Catalog } from '../catalog/database.ts';
import type { Actor } from './actor.ts';
import { defaultIdentitySettings } from './context.ts';
import type { IdentityContext, IdentitySettings } from './context.ts';
import { createKeyActors } from './key-actors.ts';
import { login } from './login.ts';
import { createPasswords } from './passwords.ts';
import type { Passwords } from './passwords.ts';
import { createSecretBox } from './secret-box.ts';
import { cleanUpTokens, readToken } from './tokens.ts';
import type { FoundAccessKey, IssuedToken, LoginRequest, TokenDetails } from './types.ts';

/** Accounts, credentials and rights. */
export interface Identity {
  /**
   * @throws {DomainError} `credentials-wrong` (fact `reason` is for the log only), `login-busy`,
   *   `token-unknown`, `token-expired`
   */
  login(request: LoginRequest): Promise<IssuedToken>;
  /** Who holds this token, judged now. @throws {DomainError} `token-unknown`, `token-expired` */
  actorForToken(token: string): Promise<Actor>;
  /** @throws {DomainError} `token-unknown`, `token-expired` */
  tokenDetails(token: string): Promise<TokenDetails>;
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

export function createIdentity(options: IdentityOptions): Identity {
  const context: IdentityContext = {
    catalog: options.catalog,
    settings: { ...defaultIdentitySettings, ...options.settings },
    secrets: createSecretBox(options.secretKey),
    passwords: options.passwords ?? createPasswords(),
    now: options.clock ?? Date.now,
  };
  const keys = createKeyActors(context);
  return {
    login: (request) => login(context, request),
    actorForToken: async (token) => (await readToken(context, token)).actor,
    tokenDetails: async (token) => (await readToken(context, token)).details,
    findAccessKey: keys.find,
    actorForKey: keys.actor,
    domainActorForKey: keys.domainActor,
    async cleanUp() {
      await cleanUpTokens(context);
      await keys.flush();
    },
  };
}
