import type { Tx } from '../catalog/database.ts';
import { deleteRole, findRole, insertRoles, listRoles, updateRole } from '../catalog/identity-users.ts';
import type { RoleRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { checkName, conflict, found, newId, roleRecord } from './records.ts';
import { requireAdmin, requireManager } from './rights.ts';
import { builtinRoleByName, foldName } from './roles.ts';
import type { RoleRecord } from './types.ts';

export interface Roles {
  /** @param name an exact name or alias, whatever the case */
  list(actor: Actor, name?: string): Promise<RoleRecord[]>;
  get(actor: Actor, id: string): Promise<RoleRecord>;
  /** A role without rights of its own, for other services' policies. @throws {DomainError} `identity-conflict` */
  create(actor: Actor, role: { readonly name: string; readonly description?: string }): Promise<RoleRecord>;
  /** @throws {DomainError} `identity-protected` for built-in roles */
  update(
    actor: Actor,
    id: string,
    change: { readonly name?: string; readonly description?: string },
  ): Promise<RoleRecord>;
  remove(actor: Actor, id: string): Promise<void>;
}

export function createRoles({ catalog, now }: IdentityContext): Roles {
  const { db } = catalog;
  return {
    async list(actor, name) {
      requireManager(actor, 'list_roles');
      const rows = (await listRoles(db)).map(roleRecord);
      if (name === undefined) return rows;
      return rows.filter((role) => role.spellings.some((spelling) => foldName(spelling) === foldName(name)));
    },
    async get(actor, id) {
      requireManager(actor, 'get_role');
      return roleRecord(found(await findRole(db, { id }), 'role', id));
    },
    async create(actor, { name, description }) {
      requireAdmin(actor, 'create_role');
      checkName(name, 'role');
      const row: RoleRow = {
        id: newId(),
        name,
        name_key: foldName(name),
        description: description ?? null,
        builtin: 0,
        created_at: now(),
      };
      await catalog.write(async (tx) => {
        await refuseTaken(tx, row);
        await insertRoles(tx, [row]);
        if (!(await findRole(tx, { id: row.id }))) throw conflict('role', row);
      });
      return roleRecord(row);
    },
    async update(actor, id, change) {
      requireAdmin(actor, 'update_role');
      let after: RoleRow | undefined;
      await catalog.write(async (tx) => {
        const before = found(await findRole(tx, { id }), 'role', id);
        refuseBuiltin(before, 'modify');
        const set = {
          ...(change.name === undefined ? {} : { name: change.name, name_key: foldName(change.name) }),
          ...(change.description === undefined ? {} : { description: change.description }),
        };
        after = { ...before, ...set };
        checkName(after.name, 'role');
        await refuseTaken(tx, after);
        await updateRole(tx, id, set);
      });
      return roleRecord(after!);
    },
    async remove(actor, id) {
      requireAdmin(actor, 'delete_role');
      await catalog.write(async (tx) => {
        refuseBuiltin(found(await findRole(tx, { id }), 'role', id), 'delete');
        await deleteRole(tx, id);
      });
    },
  };
}

function refuseBuiltin(role: RoleRow, verb: 'modify' | 'delete'): void {
  if (role.builtin !== 1) return;
  throw new DomainError('identity-protected', `role ${role.name} is built in; nobody can ${verb} it`, {
    reason: 'builtin-role',
    verb,
    id: role.id,
  });
}

async function refuseTaken(tx: Tx, role: RoleRow): Promise<void> {
  const other = await findRole(tx, { nameKey: role.name_key });
  const alias = builtinRoleByName(role.name);
  if ((other && other.id !== role.id) || (alias && alias.id !== role.id)) throw conflict('role', role);
}
