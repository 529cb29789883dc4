import { randomInt } from 'node:crypto';
import { deleteKey, findKey, insertKey, listKeys, updateKey } from '../catalog/identity-keys.ts';
import { findProject } from '../catalog/identity-projects.ts';
import { findUser, lockUser } from '../catalog/identity-users.ts';
import type { AccessKeyRow, UserRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext, IdentitySettings } from './context.ts';
import { accessKeyRecord, checkName, found } from './records.ts';
import { requireManager, requireUserManager } from './rights.ts';
import type { SecretBox } from './secret-box.ts';
import type { AccessKeyOrigin, AccessKeyRecord, MadeAccessKey } from './types.ts';

export interface NewAccessKey {
  readonly userId: string;
  /** The project it acts in when a request names none. */
  readonly projectId?: string;
  readonly origin: AccessKeyOrigin;
  readonly description?: string;
}

/** One store for EC2 credentials, OS-CREDENTIAL keys and the key of the first start. */
export interface AccessKeys {
  /** One's own keys, or anyone's for a manager of his domain. */
  list(actor: Actor, userId: string): Promise<AccessKeyRecord[]>;
  /** @param userId when given, the key must be his */
  get(actor: Actor, access: string, userId?: string): Promise<AccessKeyRecord>;
  /** The only answer with the secret. @throws {DomainError} `quota-exceeded` (facts `limit`, `origin`) */
  create(actor: Actor, key: NewAccessKey): Promise<MadeAccessKey>;
  update(
    actor: Actor,
    access: string,
    change: { readonly active?: boolean; readonly description?: string },
  ): Promise<AccessKeyRecord>;
  remove(actor: Actor, access: string, userId?: string): Promise<void>;
}

const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const digits = '0123456789';

function randomText(length: number, alphabet: string): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** A fresh key: access 20 characters `A-Z0-9`, secret 40 characters `A-Za-z0-9`. */
export function newKey(
  secrets: SecretBox,
  key: NewAccessKey,
  createdAt: number,
): { readonly row: AccessKeyRow; readonly secret: string } {
  const access = randomText(20, upper + digits);
  const secret = randomText(40, upper + upper.toLowerCase() + digits);
  const row: AccessKeyRow = {
    access,
    secret_sealed: secrets.seal(secret, access),
    user_id: key.userId,
    project_id: key.projectId ?? null,
    active: 1,
    origin: key.origin,
    description: key.description ?? '',
    created_at: createdAt,
    last_used_at: null,
  };
  return { row, secret };
}

export function createAccessKeys({ catalog, secrets, settings, now }: IdentityContext): AccessKeys {
  const { db } = catalog;

  /** The user whose keys they are. A stranger learns nothing of who or what exists. */
  const owner = async (actor: Actor, userId: string, rule: string): Promise<UserRow> => {
    if (actor.userId !== userId) requireManager(actor, rule);
    const user = found(await findUser(db, { id: userId }), 'user', userId);
    if (actor.userId !== userId) await requireUserManager(db, actor, user, rule);
    return user;
  };
  const keyOf = async (actor: Actor, access: string, userId: string | undefined, rule: string) => {
    const row = await findKey(db, access);
    if (!row || (userId !== undefined && row.user_id !== userId)) {
      if (userId !== undefined) await owner(actor, userId, rule);
      return found<AccessKeyRow>(undefined, 'credential', access);
    }
    if (row.user_id !== actor.userId) {
      // Unknown and foreign keys are alike to whoever may manage neither.
      try {
        await owner(actor, row.user_id, rule);
      } catch (cause) {
        if (userId === undefined && cause instanceof DomainError && cause.kind === 'not-authorized')
          return found<AccessKeyRow>(undefined, 'credential', access);
        throw cause;
      }
    }
    return row;
  };

  return {
    async list(actor, userId) {
      await owner(actor, userId, 'ec2_list_credentials');
      return (await listKeys(db, { userId })).map(accessKeyRecord);
    },
    async get(actor, access, userId) {
      return accessKeyRecord(await keyOf(actor, access, userId, 'ec2_get_credential'));
    },
    async create(actor, key) {
      const user = await owner(actor, key.userId, 'ec2_create_credential');
      checkName(key.description ?? '', 'description', 'description');
      const { row, secret } = newKey(secrets, key, now());
      await catalog.write(async (tx) => {
        if (key.projectId !== undefined)
          found(await findProject(tx, { id: key.projectId }), 'project', key.projectId);
        await lockUser(tx, user.id);
        refuseTooMany(await listKeys(tx, { userId: user.id }), key.origin, settings);
        await insertKey(tx, row);
      });
      return { ...accessKeyRecord(row), secret };
    },
    async update(actor, access, change) {
      const row = await keyOf(actor, access, undefined, 'update_credential');
      checkName(change.description ?? '', 'description', 'description');
      const set = {
        ...(change.active === undefined ? {} : { active: change.active ? 1 : 0 }),
        ...(change.description === undefined ? {} : { description: change.description }),
      };
      await catalog.write((tx) => updateKey(tx, access, set));
      return accessKeyRecord({ ...row, ...set });
    },
    async remove(actor, access, userId) {
      await keyOf(actor, access, userId, 'ec2_delete_credential');
      const gone = await catalog.write((tx) => deleteKey(tx, access));
      if (!gone) found(undefined, 'credential', access);
    },
  };
}

/** @throws {DomainError} `quota-exceeded` */
function refuseTooMany(
  keys: readonly AccessKeyRow[],
  origin: AccessKeyOrigin,
  settings: IdentitySettings,
): void {
  const alike = keys.filter((key) => key.origin === origin).length;
  const limit =
    origin === 'credential' && alike >= settings.mostCredentialKeysPerUser
      ? settings.mostCredentialKeysPerUser
      : keys.length >= settings.mostKeysPerUser
        ? settings.mostKeysPerUser
        : undefined;
  if (limit === undefined) return;
  throw new DomainError('quota-exceeded', `a user may have ${limit} such access keys`, {
    resource: 'access-keys',
    limit,
    origin,
  });
}
