import { countEnabledHolders, listGrants, lockRole } from '../catalog/identity-grants.ts';
import { findDomain } from '../catalog/identity-projects.ts';
import { isDuplicate } from '../catalog/identity-unique.ts';
import { deleteUser, findUser, insertUser, listUsers, updateUser } from '../catalog/identity-users.ts';
import type { Tx } from '../catalog/database.ts';
import type { UserRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { can } from './policy.ts';
import { checkName, conflict, extrasJson, found, newId, userRecord } from './records.ts';
import { adminRoleId, managesDomain, refusal, requireManager, requireUserManager } from './rights.ts';
import { foldName } from './roles.ts';
import type { Extras, UserRecord } from './types.ts';

export interface UserQuery {
  readonly name?: string;
  readonly domainId?: string;
  readonly enabled?: boolean;
}

export interface NewUser {
  readonly name: string;
  /** Without one the user can only act by keys that others make for him. */
  readonly password?: string;
  /** Default: the actor's domain. */
  readonly domainId?: string;
  readonly defaultProjectId?: string;
  readonly enabled?: boolean;
  readonly extras?: Extras;
}

export interface UserChange {
  readonly name?: string;
  readonly password?: string;
  /** null takes it away. */
  readonly defaultProjectId?: string | null;
  readonly enabled?: boolean;
  readonly extras?: Extras;
}

export interface Users {
  list(actor: Actor, query: UserQuery): Promise<UserRecord[]>;
  /** Oneself, or anyone for a manager of his domain. */
  get(actor: Actor, id: string): Promise<UserRecord>;
  /** @throws {DomainError} `identity-conflict`, `value-invalid`, `password-unfit`, `not-authorized` */
  create(actor: Actor, user: NewUser): Promise<UserRecord>;
  /** A new password, or disabling, kills the user's tokens. @throws as `create`, `identity-protected` */
  update(actor: Actor, id: string, change: UserChange): Promise<UserRecord>;
  /** Grants, tokens and access keys go too. @throws {DomainError} `identity-protected` for the last administrator */
  remove(actor: Actor, id: string): Promise<void>;
  /**
   * The user's own way to a new password; needs no token. All his older tokens die.
   * @throws {DomainError} `credentials-wrong` for an unknown user as for a wrong password, `password-unfit`
   */
  changePassword(userId: string, original: string, password: string): Promise<void>;
}

/** Bytes; argon2 has no limit of its own, but hashing megabytes is a way to keep us busy. */
const mostPasswordBytes = 4096;
const leastPasswordCharacters = 8;

/** @throws {DomainError} `password-unfit` with the rule that is broken */
function checkPassword(password: string, userName: string): void {
  const broken =
    Buffer.byteLength(password) > mostPasswordBytes
      ? `at most ${mostPasswordBytes} bytes`
      : [...password].length < leastPasswordCharacters
        ? `at least ${leastPasswordCharacters} characters`
        : foldName(password) === foldName(userName)
          ? 'not the user name'
          : undefined;
  if (broken === undefined) return;
  throw new DomainError('password-unfit', `the password must be: ${broken}`, { rule: broken });
}

export function createUsers(context: IdentityContext): Users {
  const { catalog, passwords, now } = context;
  const { db } = catalog;
  return {
    async list(actor, { name, domainId, enabled }) {
      const only = requireManager(actor, 'list_users');
      const rows = await listUsers(db, {
        ...(name === undefined ? {} : { nameKey: foldName(name) }),
        ...(domainId === undefined ? {} : { domainId }),
        ...(enabled === undefined ? {} : { enabled }),
      });
      return rows.filter((row) => only === undefined || row.domain_id === only).map(userRecord);
    },
    async get(actor, id) {
      const row = await findUser(db, { id });
      if (
        id !== actor.userId &&
        !can(actor, 'identity-admin') &&
        !(row && managesDomain(actor, row.domain_id))
      )
        throw refusal('get_user');
      return userRecord(found(row, 'user', id));
    },
    async create(actor, user) {
      const domainId = user.domainId ?? actor.domainId;
      if (!managesDomain(actor, domainId)) throw refusal('create_user');
      const row = await newUserRow(context, domainId, user, now());
      await storing(row, () =>
        catalog.write(async (tx) => {
          found(await findDomain(tx, { id: domainId }), 'domain', domainId);
          if (await findUser(tx, { domainId, nameKey: row.name_key })) throw nameTaken(row);
          await insertUser(tx, row);
        }),
      );
      return userRecord(row);
    },
    async update(actor, id, change) {
      const before = found(await visible(context, actor, id, 'update_user'), 'user', id);
      if (change.password !== undefined) checkPassword(change.password, change.name ?? before.name);
      const password_hash = change.password === undefined ? undefined : await passwords.hash(change.password);
      let after: UserRow | undefined;
      await catalog.write(async (tx) => {
        const row = found(await findUser(tx, { id }), 'user', id);
        await requireUserManager(tx, actor, row, 'update_user');
        if (change.enabled === false && row.enabled === 1) await refuseLastAdministrator(tx, id);
        const set = {
          ...changedColumns(row, change),
          ...(password_hash === undefined ? {} : { password_hash }),
        };
        after = { ...row, ...set };
        checkName(after.name, 'user');
        const other = await findUser(tx, { domainId: row.domain_id, nameKey: after.name_key });
        if (other && other.id !== id) throw nameTaken(after);
        const killTokens = password_hash !== undefined || change.enabled === false;
        await storing(after, () => updateUser(tx, id, set, killTokens));
      });
      return userRecord(after!);
    },
    async remove(actor, id) {
      found(await visible(context, actor, id, 'delete_user'), 'user', id);
      await catalog.write(async (tx) => {
        const row = found(await findUser(tx, { id }), 'user', id);
        await requireUserManager(tx, actor, row, 'delete_user');
        if (row.enabled === 1) await refuseLastAdministrator(tx, id);
        await deleteUser(tx, id);
      });
    },
    async changePassword(userId, original, password) {
      const row = await findUser(db, { id: userId });
      const right = await passwords.verify(original, row?.password_hash ?? undefined);
      if (!row || !right || row.enabled !== 1)
        throw new DomainError('credentials-wrong', 'the user or the original password is not valid', {
          userId,
        });
      checkPassword(password, row.name);
      const password_hash = await passwords.hash(password);
      await catalog.write(async (tx) => {
        const current = await findUser(tx, { id: userId });
        if (current?.password_hash !== row.password_hash)
          throw new DomainError('credentials-wrong', 'the password was changed meanwhile', { userId });
        await updateUser(tx, userId, { password_hash }, true);
      });
    },
  };
}

/** The user, if the actor may know that he exists. */
async function visible(
  { catalog }: IdentityContext,
  actor: Actor,
  id: string,
  rule: string,
): Promise<UserRow | undefined> {
  requireManager(actor, rule);
  const row = await findUser(catalog.db, { id });
  if (row) await requireUserManager(catalog.db, actor, row, rule);
  return row;
}

/** A row for a new user, checked, with the password hashed. */
export async function newUserRow(
  { passwords }: IdentityContext,
  domainId: string,
  user: NewUser,
  createdAt: number,
): Promise<UserRow> {
  checkName(user.name, 'user');
  if (user.password !== undefined) checkPassword(user.password, user.name);
  return {
    id: newId(),
    domain_id: domainId,
    name: user.name,
    name_key: foldName(user.name),
    enabled: user.enabled === false ? 0 : 1,
    default_project_id: user.defaultProjectId ?? null,
    password_hash: user.password === undefined ? null : await passwords.hash(user.password),
    credential_version: 1,
    extras_json: extrasJson(user.extras ?? {}),
    created_at: createdAt,
  };
}

/** Somebody must always be able to administrate. @throws {DomainError} `identity-protected` */
async function refuseLastAdministrator(tx: Tx, userId: string): Promise<void> {
  const grants = await listGrants(tx, { userId, roleId: adminRoleId });
  if (grants.length === 0) return;
  await lockRole(tx, adminRoleId); // two administrators that remove each other at once: one waits
  if ((await countEnabledHolders(tx, adminRoleId, userId)) > 0) return;
  throw new DomainError(
    'identity-protected',
    'the last enabled administrator can be neither removed nor disabled',
    {
      reason: 'last-administrator',
      userId,
    },
  );
}

const nameTaken = (row: UserRow): DomainError =>
  conflict('user', { name: row.name, id: row.id, domainId: row.domain_id });

async function storing<T>(row: UserRow, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicate(error)) throw nameTaken(row);
    throw error;
  }
}

function changedColumns(before: UserRow, change: UserChange): Partial<UserRow> {
  const extras = { ...(JSON.parse(before.extras_json) as Extras), ...change.extras };
  return {
    ...(change.name === undefined ? {} : { name: change.name, name_key: foldName(change.name) }),
    ...(change.defaultProjectId === undefined ? {} : { default_project_id: change.defaultProjectId }),
    ...(change.enabled === undefined ? {} : { enabled: change.enabled ? 1 : 0 }),
    ...(change.extras === undefined ? {} : { extras_json: extrasJson(extras) }),
  };
}
