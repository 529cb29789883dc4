import { DomainError } from '../errors.ts';
import type { Action, Actor } from './actor.ts';

/** How far a right goes: nowhere, the credential's own project (or domain), everywhere. */
export type Reach = 'no' | 'own' | 'all';

export const actions = [
  'ims-read',
  'ims-write',
  'ims-share',
  'ims-export',
  'glance-read',
  'glance-download',
  'glance-write',
  'publicize',
  'bucket-read',
  'bucket-write',
  'identity-users',
  'identity-admin',
] as const satisfies readonly Action[];

const signs = { '-': 'no', o: 'own', A: 'all' } as const satisfies Record<string, Reach>;

/** One letter per action, in the order of `actions`. */
function row(letters: string): Readonly<Record<Action, Reach>> {
  const cells = [...letters.replaceAll(' ', '')].map((letter) => signs[letter as keyof typeof signs]);
  return Object.fromEntries(actions.map((action, i) => [action, cells[i]!])) as Record<Action, Reach>;
}

const tenantAdministrator = row('oooo ooo- oo --');
const imsFull = row('oooo ooo- -- --');
const readAll = row('o--- o--- o- --');
const securityAdministrator = row('---- ---- -- o-');

/**
 * Who may do what: THE table. Role names folded. `-` no, `o` own project, `A` any project.
 *
 * Export needs bucket-write and the file imports bucket-read besides: callers require both.
 */
export const policyTable: Readonly<Record<string, Readonly<Record<Action, Reach>>>> = {
  //                                   IMS: read write share export
  //                                        Glance: read download write, publicize
  //                                             bucket: read write
  //                                                identity: users admin
  admin: row('AAAA AAAA AA AA'),
  member: row('oooo ooo- oo --'),
  reader: row('o--- o--- o- --'),
  service: row('---- ---- -- --'),
  te_admin: tenantAdministrator,
  'tenant administrator': tenantAdministrator,
  'ims administrator': imsFull,
  'ims fullaccess': imsFull,
  'server administrator': row('oo-- ooo- -- --'),
  'ims readonlyaccess': row('o--- o--- -- --'),
  readonly: readAll,
  te_readonly: readAll,
  'tenant guest': readAll,
  secu_admin: securityAdministrator,
  'security administrator': securityAdministrator,
  te_agency: row('---- ---- -- --'),
};

const order: readonly Reach[] = ['no', 'own', 'all'];

/** The widest reach that any of the actor's roles gives. */
export function reach(actor: Actor, action: Action): Reach {
  let best = 0;
  for (const role of actor.roles) best = Math.max(best, order.indexOf(policyTable[role]?.[action] ?? 'no'));
  return order[best]!;
}

/**
 * May the actor do this in `projectId` (default: the credential's own project)?
 * A credential without a project has rights of its own only where the reach is `all`.
 */
export function can(actor: Actor, action: Action, projectId?: string): boolean {
  const far = reach(actor, action);
  if (far === 'all') return true;
  if (far === 'no') return false;
  if (action === 'identity-users') return true; // its "own" is the domain, which the callee compares
  return actor.projectId !== undefined && (projectId ?? actor.projectId) === actor.projectId;
}

/** @throws {DomainError} `not-authorized` with the action */
export function require(actor: Actor, action: Action, projectId?: string): void {
  if (can(actor, action, projectId)) return;
  throw new DomainError('not-authorized', `the credential's roles do not allow ${action}`, {
    action,
    projectId: projectId ?? actor.projectId,
  });
}
