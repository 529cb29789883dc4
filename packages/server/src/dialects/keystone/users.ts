import { keystone } from '@imageyard/wire';
import { envelope, extrasOf } from './body.ts';
import { listOf } from './links.ts';
import { filter, flag, maybe, noContent, within } from './route.ts';
import type { Call, Route } from './route.ts';
import { projectView, userView } from './views.ts';

/** Members of a user that are ours to say, or that we have no use for and must not keep. */
const ours = ['id', 'domain_id', 'links', 'options', 'password_expires_at', 'original_password', 'federated'];

export const userRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/users',
    summary: 'List users.',
    async run({ tree, request, identity, actor, query }) {
      const users = await identity.users.list(actor, {
        ...maybe('name', filter(query, 'name')),
        ...maybe('domainId', filter(query, 'domain_id')),
        ...maybe('enabled', flag(query, 'enabled')),
      });
      return listOf(
        tree,
        request,
        'users',
        users.map((user) => userView(tree, request, user)),
      );
    },
  },
  {
    method: 'POST',
    path: '/users',
    summary: 'Create a user.',
    body: within('user', keystone.userCreate),
    async run({ tree, request, reply, identity, actor }) {
      const body = await envelope(request, reply, 'user', keystone.userCreate);
      const user = await identity.users.create(actor, {
        name: body.name,
        ...maybe('password', body.password ?? undefined),
        ...maybe('domainId', body.domain_id ?? undefined),
        ...maybe('defaultProjectId', body.default_project_id ?? undefined),
        enabled: body.enabled ?? true,
        extras: extrasOf(body, keystone.userCreate, ours),
      });
      audit({ request, actor }, 'user-created', user.id);
      reply.code(201);
      return { user: userView(tree, request, user) };
    },
  },
  {
    method: 'GET',
    path: '/users/:user_id',
    summary: 'Show a user.',
    run: async ({ tree, request, identity, actor, params }) => ({
      user: userView(tree, request, await identity.users.get(actor, params['user_id']!)),
    }),
  },
  {
    method: 'PATCH',
    path: '/users/:user_id',
    summary: 'Change a user; a new password, or disabling, ends his tokens.',
    body: within('user', keystone.userUpdate),
    async run({ tree, request, reply, identity, actor, params }) {
      const body = await envelope(request, reply, 'user', keystone.userUpdate);
      const user = await identity.users.update(actor, params['user_id']!, {
        ...maybe('name', body.name),
        ...maybe('password', body.password ?? undefined),
        ...maybe('defaultProjectId', body.default_project_id),
        ...maybe('enabled', body.enabled),
        extras: extrasOf(body, keystone.userUpdate, ours),
      });
      audit({ request, actor }, body.password ? 'password-reset' : 'user-changed', user.id);
      return { user: userView(tree, request, user) };
    },
  },
  {
    method: 'DELETE',
    path: '/users/:user_id',
    summary: 'Delete a user with his grants, tokens and access keys.',
    async run({ request, reply, identity, actor, params }) {
      await identity.users.remove(actor, params['user_id']!);
      audit({ request, actor }, 'user-deleted', params['user_id']!);
      return noContent(reply);
    },
  },
  {
    method: 'POST',
    path: '/users/:user_id/password',
    summary: "Change one's own password; needs no token. All older tokens of the user end.",
    open: true,
    body: within('user', keystone.passwordChange),
    async run({ request, reply, identity, params }) {
      const body = await envelope(request, reply, 'user', keystone.passwordChange);
      await identity.users.changePassword(params['user_id']!, body.original_password, body.password);
      request.log.info({ event: 'password-changed', user: params['user_id'], remote: request.ip }, 'audit');
      return noContent(reply);
    },
  },
  {
    method: 'GET',
    path: '/users/:user_id/projects',
    summary: 'List the enabled projects in which a user has a role.',
    async run({ tree, request, identity, actor, params }) {
      const projects = await identity.projects.listOfUser(actor, params['user_id']!);
      return listOf(
        tree,
        request,
        'projects',
        projects.map((project) => projectView(tree, request, project)),
      );
    },
  },
];

/** One line for the log: who did what to which account; no secrets. */
export function audit(
  { request, actor }: Pick<Call, 'request' | 'actor'>,
  event: string,
  target: string,
): void {
  request.log.info({ event, audit: actor.auditId, user: actor.userId, target, remote: request.ip }, 'audit');
}
