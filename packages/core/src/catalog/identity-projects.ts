import type { Database, Tx } from './database.ts';
import { countedImages } from './images-usage.ts';
import type { DomainRow, ProjectRow } from './tables/identity.ts';

export type DomainOrName = { readonly id: string } | { readonly nameKey: string };

export async function findDomain(db: Database | Tx, which: DomainOrName): Promise<DomainRow | undefined> {
  const query = db.selectFrom('domains').selectAll();
  return await (
    'id' in which ? query.where('id', '=', which.id) : query.where('name_key', '=', which.nameKey)
  ).executeTakeFirst();
}

export async function listDomains(
  db: Database | Tx,
  filter: { readonly nameKey?: string; readonly enabled?: boolean },
): Promise<DomainRow[]> {
  let query = db.selectFrom('domains').selectAll();
  if (filter.nameKey !== undefined) query = query.where('name_key', '=', filter.nameKey);
  if (filter.enabled !== undefined) query = query.where('enabled', '=', filter.enabled ? 1 : 0);
  return await query.orderBy('name_key').execute();
}

export async function insertDomain(tx: Tx, row: DomainRow): Promise<void> {
  await tx.insertInto('domains').values(row).execute();
}

export async function findProject(
  db: Database | Tx,
  which: { readonly id: string } | { readonly domainId: string; readonly nameKey: string },
): Promise<ProjectRow | undefined> {
  const query = db.selectFrom('projects').selectAll();
  return await (
    'id' in which
      ? query.where('id', '=', which.id)
      : query.where('domain_id', '=', which.domainId).where('name_key', '=', which.nameKey)
  ).executeTakeFirst();
}

/** A project and its domain, as a scope needs them. */
export async function findProjectScope(db: Database | Tx, id: string) {
  return await db
    .selectFrom('projects as p')
    .innerJoin('domains as d', 'd.id', 'p.domain_id')
    .where('p.id', '=', id)
    .where('p.enabled', '=', 1)
    .where('d.enabled', '=', 1)
    .select(['p.id', 'p.name', 'd.id as domain_id', 'd.name as domain_name'])
    .executeTakeFirst();
}

export interface ProjectFilter {
  readonly nameKey?: string;
  readonly domainId?: string;
  readonly enabled?: boolean;
  /** Only projects in which this user has a role. */
  readonly memberId?: string;
}

/** In the order of their names. */
export async function listProjects(db: Database | Tx, filter: ProjectFilter): Promise<ProjectRow[]> {
  let query = db.selectFrom('projects as p').selectAll('p');
  if (filter.nameKey !== undefined) query = query.where('p.name_key', '=', filter.nameKey);
  if (filter.domainId !== undefined) query = query.where('p.domain_id', '=', filter.domainId);
  if (filter.enabled !== undefined) query = query.where('p.enabled', '=', filter.enabled ? 1 : 0);
  if (filter.memberId !== undefined) {
    const { memberId } = filter;
    query = query.where((e) =>
      e.exists(
        e
          .selectFrom('grants as g')
          .select('g.role_id')
          .where('g.user_id', '=', memberId)
          .where('g.scope', '=', 'project')
          .whereRef('g.scope_id', '=', 'p.id'),
      ),
    );
  }
  return await query.orderBy('p.name_key').orderBy('p.id').execute();
}

export async function insertProject(tx: Tx, row: ProjectRow): Promise<void> {
  await tx.insertInto('projects').values(row).execute();
}

export async function updateProject(tx: Tx, id: string, change: Partial<ProjectRow>): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await tx.updateTable('projects').set(change).where('id', '=', id).execute();
}

export async function deleteProject(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('projects').where('id', '=', id).execute();
}

/** What still belongs to a project and would be orphaned without it. */
export async function projectUse(tx: Tx, id: string): Promise<'images' | 'buckets' | undefined> {
  if ((await countedImages(tx, id)) > 0) return 'images';
  const bucket = await tx
    .selectFrom('buckets')
    .select('name')
    .where('project_id', '=', id)
    .limit(1)
    .executeTakeFirst();
  return bucket ? 'buckets' : undefined;
}
