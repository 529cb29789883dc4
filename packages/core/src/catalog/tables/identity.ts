/** Rows of the identity room. Times are milliseconds, flags 0 or 1, `*_json` JSON text. */
export interface IdentityTables {
  domains: DomainRow;
  projects: ProjectRow;
  users: UserRow;
  roles: RoleRow;
  grants: GrantRow;
  tokens: TokenRow;
  access_keys: AccessKeyRow;
  first_start: FirstStartRow;
}

export interface DomainRow {
  id: string;
  name: string;
  /** `name` folded: names are unique and found whatever their case. */
  name_key: string;
  description: string;
  enabled: number;
  created_at: number;
}

export interface ProjectRow {
  id: string;
  domain_id: string;
  name: string;
  name_key: string;
  description: string;
  enabled: number;
  /** Attributes that clients invented, shown again as they came. */
  extras_json: string;
  created_at: number;
}

export interface UserRow {
  id: string;
  domain_id: string;
  name: string;
  name_key: string;
  enabled: number;
  default_project_id: string | null;
  /** PHC form; null: no password login. */
  password_hash: string | null;
  /** Goes up at each change of password and each disabling; older tokens are dead. */
  credential_version: number;
  extras_json: string;
  created_at: number;
}

export interface RoleRow {
  id: string;
  name: string;
  name_key: string;
  description: string | null;
  /** 1: from the product's own list, immutable. */
  builtin: number;
  created_at: number;
}

export type GrantScopeKind = 'project' | 'domain';

export interface GrantRow {
  user_id: string;
  scope: GrantScopeKind;
  scope_id: string;
  role_id: string;
  created_at: number;
}

export interface TokenRow {
  /** Hex SHA-256 of the token; the token itself is nowhere. */
  hash: string;
  user_id: string;
  scope: GrantScopeKind | 'unscoped';
  scope_id: string | null;
  methods_json: string;
  audit_ids_json: string;
  /** The user's `credential_version` that was proved at issue. */
  credential_version: number;
  issued_at: number;
  expires_at: number;
}

export type AccessKeyOrigin = 'first-start' | 'ec2' | 'credential';

export interface AccessKeyRow {
  access: string;
  /** AES-256-GCM, see `identity/secret-box.ts`. */
  secret_sealed: string;
  user_id: string;
  project_id: string | null;
  /** 1 active, 0 inactive. */
  active: number;
  /** Which interface made it: the limits differ. */
  origin: AccessKeyOrigin;
  description: string;
  created_at: number;
  last_used_at: number | null;
}

/** One row: what the first start made, whatever it is called by now. */
export interface FirstStartRow {
  one: number;
  domain_id: string;
  project_id: string;
  user_id: string;
  access: string;
}
