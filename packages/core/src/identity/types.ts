import type { AccessKeyOrigin, GrantScopeKind } from '../catalog/tables/identity.ts';
import type { RoleRef } from './roles.ts';

export type { AccessKeyOrigin } from '../catalog/tables/identity.ts';
export type { RoleRef } from './roles.ts';

/** Attributes that clients invented; shown again as they came. */
export type Extras = Readonly<Record<string, unknown>>;

export interface DomainRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
}

export interface ProjectRecord {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly extras: Extras;
}

export interface UserRecord {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly defaultProjectId: string | undefined;
  readonly extras: Extras;
}

export interface RoleRecord {
  readonly id: string;
  readonly name: string;
  /** Every spelling, `name` first. */
  readonly spellings: readonly string[];
  readonly description: string | undefined;
  readonly builtin: boolean;
}

/** Where a role is held: a project or a domain. */
export interface GrantScope {
  readonly kind: GrantScopeKind;
  readonly id: string;
}

export interface GrantRecord {
  readonly userId: string;
  readonly roleId: string;
  readonly scope: GrantScope;
}

/** A grant with the names that go with its ids. */
export interface NamedGrant extends GrantRecord {
  readonly userName: string;
  readonly userDomain: NamedDomain;
  readonly roleName: string;
  readonly scopeName: string;
  /** The project's domain; absent for grants on a domain. */
  readonly scopeDomain: NamedDomain | undefined;
}

/** An access key without its secret. */
export interface AccessKeyRecord {
  readonly access: string;
  readonly userId: string;
  readonly projectId: string | undefined;
  readonly active: boolean;
  readonly origin: AccessKeyOrigin;
  readonly description: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
}

/** The only moment at which a secret is shown. */
export interface MadeAccessKey extends AccessKeyRecord {
  readonly secret: string;
}

/** What a verifier of signatures needs. */
export interface FoundAccessKey {
  readonly access: string;
  readonly secret: string;
  readonly userId: string;
  /** The project the key was made for; undefined: the user's default project. */
  readonly projectId: string | undefined;
}

export interface NamedDomain {
  readonly id: string;
  readonly name: string;
}

export interface NamedUser {
  readonly id: string;
  readonly name: string;
  readonly domain: NamedDomain;
}

/** What a credential acts in. */
export type Scope =
  | { readonly kind: 'project'; readonly id: string; readonly name: string; readonly domain: NamedDomain }
  | { readonly kind: 'domain'; readonly id: string; readonly name: string }
  | { readonly kind: 'unscoped' };

/** All facts of a live token, judged now. Times in milliseconds. */
export interface TokenDetails {
  readonly user: NamedUser;
  readonly scope: Scope;
  /** Implied ones included; empty when unscoped. */
  readonly roles: readonly RoleRef[];
  readonly methods: readonly string[];
  readonly auditIds: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface IssuedToken {
  /** Shown once; only its hash is kept. */
  readonly token: string;
  readonly details: TokenDetails;
}

/** A name or an id, as clients may give either. */
export type ById = { readonly id: string };
export type ByName = { readonly name: string };

export type LoginProof =
  | {
      readonly method: 'password';
      readonly user: ById | (ByName & { readonly domain: ById | ByName });
      readonly password: string;
    }
  | { readonly method: 'token'; readonly token: string };

/** `default`: the user's default project if he has a role there, else unscoped. */
export type ScopeRequest =
  | { readonly kind: 'default' }
  | { readonly kind: 'unscoped' }
  /** Without a domain the user's own is meant. */
  | { readonly kind: 'project'; readonly project: ById | (ByName & { readonly domain?: ById | ByName }) }
  | { readonly kind: 'domain'; readonly domain: ById | ByName }
  | { readonly kind: 'system' };

export interface LoginRequest {
  /** At least one; all must succeed for the same user. */
  readonly proofs: readonly LoginProof[];
  readonly scope: ScopeRequest;
}
