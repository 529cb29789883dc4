import type { GrantScope } from '@imageyard/core';
import { keystone } from '@imageyard/wire';
import { envelope } from './body.ts';
import { KeystoneError } from './errors.ts';
import { listOf } from './links.ts';
import { filter, flag, maybe, noContent, within } from './route.ts';
import type { Call, Route } from './route.ts';
import { audit } from './users.ts';
import { assignmentView, roleView } from './views.ts';

export const roleRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/roles',
    summary: 'List roles; one with several names stands there under each.',
    async run({ tree, request, identity, actor, query }) {
      const name = filter(query, 'name');
      const roles = await identity.roles.list(actor, name);
      const shown = roles.flatMap((role) =>
        role.spellings
          .filter((spelling) => name === undefined || spelling.toLowerCase() === name.toLowerCase())
          .map((spelling) => roleView(tree, request, role, spelling)),
      );
      // No role belongs to a domain.
      return listOf(tree, request, 'roles', filter(query, 'domain_id') === undefined ? shown : []);
    },
  },
  {
    method: 'POST',
    path: '/roles',
    summary: 'Create a role; it grants nothing here.',
    body: within('role', keystone.roleCreate),
    async run({ tree, request, reply, identity, actor }) {
      const body = await envelope(request, reply, 'role', keystone.roleCreate);
      const role = await identity.roles.create(actor, {
        name: body.name,
        ...maybe('description', body.description ?? undefined),
      });
      reply.code(201);
      return { role: roleView(tree, request, role) };
    },
  },
  {
    method: 'GET',
    path: '/roles/:role_id',
    summary: 'Show a role.',
    run: async ({ tree, request, identity, actor, params }) => ({
      role: roleView(tree, request, await identity.roles.get(actor, params['role_id']!)),
    }),
  },
  {
    method: 'PATCH',
    path: '/roles/:role_id',
    summary: 'Change a role that is not built in.',
    body: within('role', keystone.roleUpdate),
    async run({ tree, request, reply, identity, actor, params }) {
      const body = await envelope(request, reply, 'role', keystone.roleUpdate);
      const role = await identity.roles.update(actor, params['role_id']!, {
        ...maybe('name', body.name),
        ...maybe('description', body.description ?? undefined),
      });
      return { role: roleView(tree, request, role) };
    },
  },
  {
    method: 'DELETE',
    path: '/roles/:role_id',
    summary: 'Delete a role that is not built in, and its grants.',
    async run({ reply, identity, actor, params }) {
      await identity.roles.remove(actor, params['role_id']!);
      return noContent(reply);
    },
  },
  {
    method: 'GET',
    path: '/role_assignments',
    summary: 'List grants; effective: with the roles that they imply.',
    async run({ tree, request, identity, actor, query }) {
      const scope = scopeFilter(query);
      const grants =
        filter(query, 'group.id') === undefined && filter(query, 'scope.system') === undefined
          ? await identity.grants.assignments(actor, {
              ...maybe('userId', filter(query, 'user.id')),
              ...maybe('roleId', filter(query, 'role.id')),
              ...maybe('scope', scope),
              effective: flag(query, 'effective') ?? false,
            })
          : [];
      const named = flag(query, 'include_names') ?? false;
      const shown = grants.map((grant) => assignmentView(tree, request, grant, named));
      return listOf(tree, request, 'role_assignments', shown);
    },
  },
  ...grantRoutes('project'),
  ...grantRoutes('domain'),
];

function scopeFilter(query: Call['query']): GrantScope | undefined {
  const project = filter(query, 'scope.project.id');
  const domain = filter(query, 'scope.domain.id');
  if (project !== undefined && domain !== undefined)
    throw new KeystoneError(400, 'Specify a domain or project, not both.');
  if (project !== undefined) return { kind: 'project', id: project };
  return domain === undefined ? undefined : { kind: 'domain', id: domain };
}

/** Roles of a user on a project or a domain. */
function grantRoutes(kind: GrantScope['kind']): Route[] {
  const list = `/${kind}s/:scope_id/users/:user_id/roles`;
  const scopeOf = ({ params }: Call): GrantScope => ({ kind, id: params['scope_id']! });
  const grantOf = (call: Call) => ({
    scope: scopeOf(call),
    userId: call.params['user_id']!,
    roleId: call.params['role_id']!,
  });
  return [
    {
      method: 'GET',
      path: list,
      summary: `List a user's roles on a ${kind}.`,
      async run(call) {
        const { tree, request } = call;
        const roles = await call.identity.grants.list(call.actor, scopeOf(call), call.params['user_id']!);
        return listOf(
          tree,
          request,
          'roles',
          roles.map((role) => roleView(tree, request, role)),
        );
      },
    },
    {
      method: 'PUT',
      path: `${list}/:role_id`,
      summary: `Give a user a role on a ${kind}.`,
      async run(call) {
        await call.identity.grants.add(call.actor, grantOf(call));
        audit(call, 'grant-added', `${call.params['user_id']} ${call.params['role_id']}`);
        return noContent(call.reply);
      },
    },
    {
      method: 'HEAD',
      path: `${list}/:role_id`,
      summary: `Check whether a user has a role on a ${kind}.`,
      async run(call) {
        const has = await call.identity.grants.has(call.actor, grantOf(call));
        return has ? noContent(call.reply) : call.reply.code(404).send();
      },
    },
    {
      method: 'DELETE',
      path: `${list}/:role_id`,
      summary: `Take a user's role on a ${kind} away.`,
      async run(call) {
        await call.identity.grants.remove(call.actor, grantOf(call));
        audit(call, 'grant-removed', `${call.params['user_id']} ${call.params['role_id']}`);
        return noContent(call.reply);
      },
    },
  ];
}
