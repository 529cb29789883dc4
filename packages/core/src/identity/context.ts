import type { Catalog } from '../catalog/database.ts';
import type { Passwords } from './passwords.ts';
import type { SecretBox } from './secret-box.ts';

export interface IdentitySettings {
  /** Life of a token, milliseconds; at least ten minutes. */
  readonly tokenLifeMs: number;
  /** Live tokens of one user; the oldest go first. */
  readonly mostTokensPerUser: number;
  /** Access keys of one user, of every origin. */
  readonly mostKeysPerUser: number;
  /** Access keys of one user made by OS-CREDENTIAL calls. */
  readonly mostCredentialKeysPerUser: number;
  /** How long a dead token's row is kept, so that "expired" can be told from "unknown". */
  readonly keepExpiredMs: number;
}

export const defaultIdentitySettings: IdentitySettings = {
  tokenLifeMs: 24 * 3600_000,
  mostTokensPerUser: 1000,
  mostKeysPerUser: 10,
  mostCredentialKeysPerUser: 2,
  keepExpiredMs: 24 * 3600_000,
};

/** What the files of this room share. */
export interface IdentityContext {
  readonly catalog: Catalog;
  readonly settings: IdentitySettings;
  readonly secrets: SecretBox;
  readonly passwords: Passwords;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
