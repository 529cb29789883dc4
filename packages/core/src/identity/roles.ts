import { createHash } from 'node:crypto';

/** A role that every installation has; immutable. */
export interface BuiltinRole {
  readonly id: string;
  /** OTC's short code where there is one; what grants are stored under. */
  readonly name: string;
  /** Other spellings of the same role; the last one is how OTC's console shows it. */
  readonly aliases: readonly string[];
  /** Names of the roles that come with it, directly. */
  readonly implies: readonly string[];
  /** False: the name is taken, but nobody can be given it. */
  readonly grantable: boolean;
}

function role(name: string, implies: readonly string[] = [], aliases: readonly string[] = []): BuiltinRole {
  return { id: builtinRoleId(name), name, aliases, implies, grantable: name !== 'te_agency' };
}

/** The same on every installation, so that written configurations carry over. */
function builtinRoleId(name: string): string {
  return createHash('sha256').update(`imageyard role ${name}`).digest('hex').slice(0, 32);
}

/** OpenStack's and OTC's role names (IAM "Permissions"; Keystone's default roles). */
export const builtinRoles: readonly BuiltinRole[] = [
  role('admin', ['member', 'reader']),
  role('member', ['reader']),
  role('reader'),
  role('service'),
  role('te_admin', ['IMS Administrator'], ['Tenant Administrator']),
  role('secu_admin', [], ['Security Administrator']),
  role('readonly', [], ['te_readonly', 'Tenant Guest']),
  role('IMS Administrator'),
  role('IMS FullAccess'),
  role('Server Administrator'),
  role('IMS ReadOnlyAccess'),
  role('te_agency'),
];

const bySpelling = new Map(
  builtinRoles.flatMap((r) => [r.name, ...r.aliases].map((spelling) => [foldName(spelling), r] as const)),
);
const byId = new Map(builtinRoles.map((r) => [r.id, r]));

/** The built-in role with this name or alias, whatever the case. */
export function builtinRoleByName(name: string): BuiltinRole | undefined {
  return bySpelling.get(foldName(name));
}

/** Every spelling of a role, its own name first. */
export function roleSpellings(name: string): readonly string[] {
  const builtin = builtinRoleByName(name);
  return builtin ? [builtin.name, ...builtin.aliases] : [name];
}

export interface RoleRef {
  readonly id: string;
  readonly name: string;
}

/** The given roles and all that they imply, each once, in the order found. */
export function withImplied(granted: readonly RoleRef[]): RoleRef[] {
  const found = new Map<string, RoleRef>();
  const pending = [...granted];
  for (let next = pending.shift(); next; next = pending.shift()) {
    if (found.has(next.id)) continue;
    found.set(next.id, { id: next.id, name: next.name });
    for (const name of byId.get(next.id)?.implies ?? []) pending.push(bySpelling.get(foldName(name))!);
  }
  return [...found.values()];
}

/** What policy looks at: every spelling of every role, folded. */
export function roleKeys(roles: readonly RoleRef[]): ReadonlySet<string> {
  return new Set(roles.flatMap((r) => roleSpellings(r.name).map(foldName)));
}

/** Names of domains, projects, users and roles are compared and kept unique in this form. */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
