import { randomBytes } from 'node:crypto';
import type { AccessKeyRow, DomainRow, ProjectRow, RoleRow, UserRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import { roleSpellings } from './roles.ts';
import type {
  AccessKeyRecord,
  DomainRecord,
  Extras,
  ProjectRecord,
  RoleRecord,
  UserRecord,
} from './types.ts';

/** 32 lower-case hex digits, as OpenStack's clients expect ids to look. */
export function newId(): string {
  return randomBytes(16).toString('hex');
}

export function domainRecord(row: DomainRow): DomainRecord {
  return { id: row.id, name: row.name, description: row.description, enabled: row.enabled === 1 };
}

export function projectRecord(row: ProjectRow): ProjectRecord {
  return {
    id: row.id,
    domainId: row.domain_id,
    name: row.name,
    description: row.description,
    enabled: row.enabled === 1,
    extras: JSON.parse(row.extras_json) as Extras,
  };
}

export function userRecord(row: UserRow): UserRecord {
  return {
    id: row.id,
    domainId: row.domain_id,
    name: row.name,
    enabled: row.enabled === 1,
    defaultProjectId: row.default_project_id ?? undefined,
    extras: JSON.parse(row.extras_json) as Extras,
  };
}

export function roleRecord(row: RoleRow): RoleRecord {
  return {
    id: row.id,
    name: row.name,
    spellings: roleSpellings(row.name),
    description: row.description ?? undefined,
    builtin: row.builtin === 1,
  };
}

export function accessKeyRecord(row: AccessKeyRow): AccessKeyRecord {
  return {
    access: row.access,
    userId: row.user_id,
    projectId: row.project_id ?? undefined,
    active: row.active === 1,
    origin: row.origin,
    description: row.description,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}

export type Resource = 'domain' | 'project' | 'user' | 'role' | 'grant' | 'credential';

/** @throws {DomainError} `identity-not-found` unless there is a value */
export function found<T>(value: T | undefined, resource: Resource, id: string): T {
  if (value === undefined)
    throw new DomainError('identity-not-found', `there is no ${resource} ${id}`, { resource, id });
  return value;
}

export function conflict(
  resource: Resource,
  facts: { name: string; id: string; domainId?: string },
): DomainError {
  return new DomainError('identity-conflict', `there is another ${resource} named ${facts.name}`, {
    reason: 'name-taken',
    resource,
    ...facts,
  });
}

/** Longest names in characters: Keystone's columns. */
const mostCharacters = { user: 255, project: 64, domain: 64, role: 255, description: 255 } as const;

/** @throws {DomainError} `value-invalid` with the field */
export function checkName(value: string, of: keyof typeof mostCharacters, field = 'name'): void {
  const most = mostCharacters[of];
  const least = of === 'description' ? 0 : 1;
  const length = [...value].length;
  // A control character in a name ends up in logs and headers of others.
  const unfit = of !== 'description' && (value.trim() === '' || /\p{Cc}/u.test(value));
  if (length > most || length < least || unfit)
    throw new DomainError(
      'value-invalid',
      `${field} must have ${least} to ${most} characters, not only spaces, and no control characters`,
      { field: `${of === 'description' ? '' : `${of}/`}${field}` },
    );
}

const mostExtrasBytes = 16 * 1024;

/** @throws {DomainError} `value-invalid` when clients' own attributes are too large to keep */
export function extrasJson(extras: Extras): string {
  const text = JSON.stringify(extras);
  if (Buffer.byteLength(text) > mostExtrasBytes)
    throw new DomainError(
      'value-invalid',
      `attributes of one's own may take ${mostExtrasBytes} bytes in all`,
      {
        field: 'extras',
      },
    );
  return text;
}
