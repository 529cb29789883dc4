import { randomBytes } from 'node:crypto';
import { insertGrant } from '../catalog/identity-grants.ts';
import { findUsableKey, insertKey } from '../catalog/identity-keys.ts';
import type { UsableKey } from '../catalog/identity-keys.ts';
import { findDomain, findProject, insertDomain, insertProject } from '../catalog/identity-projects.ts';
import {
  findFirstStart,
  findUser,
  insertFirstStart,
  insertRoles,
  insertUser,
} from '../catalog/identity-users.ts';
import type { FirstStartRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import { newKey } from './access-keys.ts';
import type { IdentityContext } from './context.ts';
import { newId } from './records.ts';
import { builtinRoleByName, builtinRoles, foldName } from './roles.ts';
import type { SecretBox } from './secret-box.ts';
import { newUserRow } from './users.ts';

export interface FirstStart {
  /** Region of the installation; names the first project, since clients look it up by that name. */
  readonly region: string;
  /**
   * Password of the first user, used at the very first start only. Give the one you have kept:
   * later starts answer whether it is still his. Default: random.
   */
  readonly password?: string;
  /**
   * Awaited at the very first start before anything is written: keep the password durably, so that a
   * crash right afterwards can't leave an installation whose password nobody knows.
   */
  readonly keepPassword?: (password: string) => Promise<void>;
  readonly userName?: string;
  readonly domainName?: string;
}

/** What the first start made, as it is now; what was deleted since is undefined. */
export interface FirstStartFacts {
  readonly domain: { readonly id: string; readonly name: string };
  readonly project: { readonly id: string; readonly name: string } | undefined;
  readonly user: { readonly id: string; readonly name: string } | undefined;
  /** Undefined once it was changed, or when this is a later start and none was given. */
  readonly password: string | undefined;
  /** Undefined once it was deleted or made inactive, or when the secret key is no longer the one it was sealed under. */
  readonly key: { readonly access: string; readonly secret: string } | undefined;
  /** True at the very first start. */
  readonly made: boolean;
}

/** 24 characters of `A-Za-z0-9_-`: 144 bits. */
function randomPassword(): string {
  return randomBytes(18).toString('base64url');
}

/**
 * Make the domain, the project named like the region, the user with the roles `admin` and
 * `Tenant Administrator`, and his access key, unless that has happened; add built-in roles that
 * are missing. Running it again changes nothing.
 */
export async function bootstrap(context: IdentityContext, first: FirstStart): Promise<FirstStartFacts> {
  const { catalog, now } = context;
  await catalog.write((tx) =>
    insertRoles(
      tx,
      builtinRoles.map((role) => ({
        id: role.id,
        name: role.name,
        name_key: foldName(role.name),
        description: null,
        builtin: 1,
        created_at: now(),
      })),
    ),
  );
  const before = await findFirstStart(catalog.db);
  if (before) return await report(context, before, first.password, false);
  const password = first.password ?? randomPassword();
  await first.keepPassword?.(password);
  return await report(context, await make(context, first, password), password, true);
}

async function make(context: IdentityContext, first: FirstStart, password: string): Promise<FirstStartRow> {
  const { catalog, secrets, now } = context;
  const at = now();
  const domain = first.domainName ?? 'Default';
  const projectId = newId();
  const user = await newUserRow(
    context,
    'default',
    { name: first.userName ?? 'admin', password, defaultProjectId: projectId },
    at,
  );
  const { row: key } = newKey(secrets, { userId: user.id, projectId, origin: 'first-start' }, at);
  const facts = { one: 1, domain_id: 'default', project_id: projectId, user_id: user.id, access: key.access };
  const named = { description: '', enabled: 1, created_at: at };
  await catalog.write(async (tx) => {
    await insertDomain(tx, { id: 'default', name: domain, name_key: foldName(domain), ...named });
    await insertProject(tx, {
      id: projectId,
      domain_id: 'default',
      name: first.region,
      name_key: foldName(first.region),
      extras_json: '{}',
      ...named,
    });
    await insertUser(tx, user);
    for (const name of ['admin', 'Tenant Administrator']) {
      const role_id = builtinRoleByName(name)!.id;
      const grant = { user_id: user.id, role_id, created_at: at };
      await insertGrant(tx, { ...grant, scope: 'project', scope_id: projectId });
      await insertGrant(tx, { ...grant, scope: 'domain', scope_id: 'default' });
    }
    await insertKey(tx, key);
    await insertFirstStart(tx, facts);
  });
  return facts;
}

async function report(
  { catalog, secrets, passwords }: IdentityContext,
  facts: FirstStartRow,
  password: string | undefined,
  made: boolean,
): Promise<FirstStartFacts> {
  const { db } = catalog;
  const domain = await findDomain(db, { id: facts.domain_id });
  const project = await findProject(db, { id: facts.project_id });
  const user = await findUser(db, { id: facts.user_id });
  const key = await findUsableKey(db, facts.access);
  const isHis =
    password !== undefined &&
    (made || (user?.password_hash ? await passwords.verify(password, user.password_hash) : false));
  return {
    domain: { id: facts.domain_id, name: domain?.name ?? facts.domain_id },
    project: project && { id: project.id, name: project.name },
    user: user && { id: user.id, name: user.name },
    password: isHis ? password : undefined,
    key: key && opened(secrets, key),
    made,
  };
}

/** A lost secret key costs the access keys, not the installation: passwords still log in. */
function opened(secrets: SecretBox, key: UsableKey): FirstStartFacts['key'] {
  try {
    return { access: key.access, secret: secrets.open(key.secret_sealed, key.access) };
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'internal') return undefined;
    throw error;
  }
}
