import { deleteGrantsOn } from '../catalog/identity-grants.ts';
import { listKeys } from '../catalog/identity-keys.ts';
import {
  deleteProject,
  findDomain,
  findProject,
  insertProject,
  listDomains,
  listProjects,
  projectUse,
  updateProject,
} from '../catalog/identity-projects.ts';
import type { Tx } from '../catalog/database.ts';
import { isDuplicate } from '../catalog/identity-unique.ts';
import { findUser } from '../catalog/identity-users.ts';
import { grantedRoles } from '../catalog/identity-grants.ts';
import type { ProjectRow } from '../catalog/tables/identity.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { can } from './policy.ts';
import { checkName, conflict, domainRecord, extrasJson, found, newId, projectRecord } from './records.ts';
import { managesDomain, refusal, requireAdmin, requireManager } from './rights.ts';
import { foldName } from './roles.ts';
import type { DomainRecord, Extras, ProjectRecord } from './types.ts';

export interface ProjectQuery {
  readonly name?: string;
  readonly domainId?: string;
  readonly enabled?: boolean;
}

export interface NewProject {
  readonly name: string;
  /** Default: the actor's domain. */
  readonly domainId?: string;
  readonly description?: string;
  readonly enabled?: boolean;
  readonly extras?: Extras;
}

export type ProjectChange = Partial<Omit<NewProject, 'domainId'>>;

export interface Projects {
  /** Administrators see all, everybody else the enabled ones in which he has a role. */
  list(actor: Actor, query: ProjectQuery): Promise<ProjectRecord[]>;
  /** The enabled projects in which a user has a role: his own list, or anyone's for a manager. */
  listOfUser(actor: Actor, userId: string): Promise<ProjectRecord[]>;
  /** @throws {DomainError} `not-authorized` for foreign and, without the right, unknown ones */
  get(actor: Actor, id: string): Promise<ProjectRecord>;
  /** @throws {DomainError} `identity-conflict`, `value-invalid`, `not-authorized` */
  create(actor: Actor, project: NewProject): Promise<ProjectRecord>;
  update(actor: Actor, id: string, change: ProjectChange): Promise<ProjectRecord>;
  /** @throws {DomainError} `identity-conflict` while images, buckets or access keys belong to it */
  remove(actor: Actor, id: string): Promise<void>;
}

export interface Domains {
  list(actor: Actor, query: { readonly name?: string; readonly enabled?: boolean }): Promise<DomainRecord[]>;
  get(actor: Actor, id: string): Promise<DomainRecord>;
  /** The actor's own domain. */
  own(actor: Actor): Promise<DomainRecord>;
}

export function createDomains({ catalog }: IdentityContext): Domains {
  return {
    async list(actor, { name, enabled }) {
      const only = requireManager(actor, 'list_domains');
      const rows = await listDomains(catalog.db, {
        ...(name === undefined ? {} : { nameKey: foldName(name) }),
        ...(enabled === undefined ? {} : { enabled }),
      });
      return rows.filter((row) => only === undefined || row.id === only).map(domainRecord);
    },
    async get(actor, id) {
      if (actor.domainId !== id) requireAdmin(actor, 'get_domain');
      return domainRecord(found(await findDomain(catalog.db, { id }), 'domain', id));
    },
    async own(actor) {
      const { domainId } = actor;
      return domainRecord(found(await findDomain(catalog.db, { id: domainId }), 'domain', domainId));
    },
  };
}

export function createProjects({ catalog, now }: IdentityContext): Projects {
  const { db } = catalog;
  return {
    async list(actor, { name, domainId, enabled }) {
      const filter = {
        ...(name === undefined ? {} : { nameKey: foldName(name) }),
        ...(domainId === undefined ? {} : { domainId }),
        ...(enabled === undefined ? {} : { enabled }),
      };
      if (can(actor, 'identity-admin')) return (await listProjects(db, filter)).map(projectRecord);
      const rows = managesDomain(actor, actor.domainId)
        ? (await listProjects(db, filter)).filter((row) => row.domain_id === actor.domainId)
        : enabled === false
          ? []
          : await listProjects(db, { ...filter, enabled: true, memberId: actor.userId });
      return rows.map(projectRecord);
    },
    async listOfUser(actor, userId) {
      if (actor.userId !== userId) {
        const only = requireManager(actor, 'list_user_projects');
        const user = found(await findUser(db, { id: userId }), 'user', userId);
        if (only !== undefined && user.domain_id !== only) throw refusal('list_user_projects');
      }
      return (await listProjects(db, { memberId: userId, enabled: true })).map(projectRecord);
    },
    async get(actor, id) {
      const row = await findProject(db, { id });
      if (!can(actor, 'identity-admin')) {
        const visible =
          row &&
          (managesDomain(actor, row.domain_id) ||
            row.id === actor.projectId ||
            (await grantedRoles(db, actor.userId, { kind: 'project', id })).length > 0);
        // A stranger can't tell unknown from foreign. The look-up by name starts with a try as an id.
        if (!visible) throw refusal('get_project');
      }
      return projectRecord(found(row, 'project', id));
    },
    async create(actor, project) {
      requireAdmin(actor, 'create_project');
      const domainId = project.domainId ?? actor.domainId;
      const row: ProjectRow = {
        id: newId(),
        domain_id: domainId,
        name: project.name,
        name_key: foldName(project.name),
        description: project.description ?? '',
        enabled: project.enabled === false ? 0 : 1,
        extras_json: extrasJson(project.extras ?? {}),
        created_at: now(),
      };
      checkTexts(row);
      await storing(row, () =>
        catalog.write(async (tx) => {
          found(await findDomain(tx, { id: domainId }), 'domain', domainId);
          if (await findProject(tx, { domainId, nameKey: row.name_key })) throw nameTaken(row);
          await insertProject(tx, row);
        }),
      );
      return projectRecord(row);
    },
    async update(actor, id, change) {
      requireAdmin(actor, 'update_project');
      let after: ProjectRow | undefined;
      await catalog.write(async (tx) => {
        const before = found(await findProject(tx, { id }), 'project', id);
        const set = changedColumns(before, change);
        after = { ...before, ...set };
        checkTexts(after);
        const other = await findProject(tx, { domainId: before.domain_id, nameKey: after.name_key });
        if (other && other.id !== id) throw nameTaken(after);
        await storing(after, () => updateProject(tx, id, set));
      });
      return projectRecord(after!);
    },
    async remove(actor, id) {
      requireAdmin(actor, 'delete_project');
      await catalog.write(async (tx) => {
        found(await findProject(tx, { id }), 'project', id);
        await refuseWhileUsed(tx, id);
        await deleteGrantsOn(tx, { kind: 'project', id });
        await deleteProject(tx, id);
      });
    },
  };
}

function checkTexts(row: ProjectRow): void {
  checkName(row.name, 'project');
  checkName(row.description, 'description', 'description');
}

const nameTaken = (row: ProjectRow): DomainError =>
  conflict('project', { name: row.name, id: row.id, domainId: row.domain_id });

/** The check before the write can lose a race on PostgreSQL; the constraint can't. */
async function storing<T>(row: ProjectRow, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicate(error)) throw nameTaken(row);
    throw error;
  }
}

function changedColumns(before: ProjectRow, change: ProjectChange): Partial<ProjectRow> {
  const extras = { ...(JSON.parse(before.extras_json) as Extras), ...change.extras };
  return {
    ...(change.name === undefined ? {} : { name: change.name, name_key: foldName(change.name) }),
    ...(change.description === undefined ? {} : { description: change.description }),
    ...(change.enabled === undefined ? {} : { enabled: change.enabled ? 1 : 0 }),
    ...(change.extras === undefined ? {} : { extras_json: extrasJson(extras) }),
  };
}

async function refuseWhileUsed(tx: Tx, id: string): Promise<void> {
  const keys = await listKeys(tx, { projectId: id });
  const use = keys.length > 0 ? 'access keys' : await projectUse(tx, id);
  if (use === undefined) return;
  throw new DomainError('identity-conflict', `project ${id} still has ${use}; delete them first`, {
    reason: 'in-use',
    resource: 'project',
    id,
    use,
  });
}
