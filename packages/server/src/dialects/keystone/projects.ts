import { keystone } from '@imageyard/wire';
import { envelope, extrasOf } from './body.ts';
import { KeystoneError } from './errors.ts';
import { listOf } from './links.ts';
import { filter, flag, maybe, noContent, within } from './route.ts';
import type { Route } from './route.ts';
import { domainView, projectView } from './views.ts';

/** Members of a project that are ours to say. */
const ours = ['id', 'domain_id', 'parent_id', 'is_domain', 'tags', 'options', 'links'];

export const projectRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/projects',
    summary: 'List projects: all for administrators, for others those in which they have a role.',
    async run({ tree, request, identity, actor, query }) {
      const found = await identity.projects.list(actor, {
        ...maybe('name', filter(query, 'name')),
        ...maybe('domainId', filter(query, 'domain_id')),
        ...maybe('enabled', flag(query, 'enabled')),
      });
      const parent = filter(query, 'parent_id');
      const shown =
        flag(query, 'is_domain') === true
          ? []
          : found.filter((project) => parent === undefined || project.domainId === parent);
      return listOf(
        tree,
        request,
        'projects',
        shown.map((project) => projectView(tree, request, project)),
      );
    },
  },
  {
    method: 'POST',
    path: '/projects',
    summary: 'Create a project.',
    body: within('project', keystone.projectCreate),
    async run({ tree, request, reply, identity, actor }) {
      const body = await envelope(request, reply, 'project', keystone.projectCreate);
      const domainId = body.domain_id ?? undefined;
      refuseNesting(body['parent_id'], body['is_domain'], domainId ?? actor.domainId);
      const project = await identity.projects.create(actor, {
        name: body.name,
        ...maybe('domainId', domainId),
        description: body.description ?? '',
        enabled: body.enabled ?? true,
        extras: extrasOf(body, keystone.projectCreate, ours),
      });
      reply.code(201);
      return { project: projectView(tree, request, project) };
    },
  },
  {
    method: 'GET',
    path: '/projects/:project_id',
    summary: 'Show a project.',
    run: async ({ tree, request, identity, actor, params }) => ({
      project: projectView(tree, request, await identity.projects.get(actor, params['project_id']!)),
    }),
  },
  {
    method: 'PATCH',
    path: '/projects/:project_id',
    summary: 'Change a project; a disabled one makes its tokens invalid at once.',
    body: within('project', keystone.projectUpdate),
    async run({ tree, request, reply, identity, actor, params }) {
      const body = await envelope(request, reply, 'project', keystone.projectUpdate);
      const project = await identity.projects.update(actor, params['project_id']!, {
        ...maybe('name', body.name),
        ...(body.description === undefined ? {} : { description: body.description ?? '' }),
        ...maybe('enabled', body.enabled),
        extras: extrasOf(body, keystone.projectUpdate, ours),
      });
      return { project: projectView(tree, request, project) };
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:project_id',
    summary: 'Delete a project that has no images, buckets and access keys.',
    async run({ reply, identity, actor, params }) {
      await identity.projects.remove(actor, params['project_id']!);
      return noContent(reply);
    },
  },
  {
    method: 'GET',
    path: '/domains',
    summary: 'List domains.',
    async run({ tree, request, identity, actor, query }) {
      const domains = await identity.domains.list(actor, {
        ...maybe('name', filter(query, 'name')),
        ...maybe('enabled', flag(query, 'enabled')),
      });
      return listOf(
        tree,
        request,
        'domains',
        domains.map((domain) => domainView(tree, request, domain)),
      );
    },
  },
  {
    method: 'GET',
    path: '/domains/:domain_id',
    summary: 'Show a domain.',
    run: async ({ tree, request, identity, actor, params }) => ({
      domain: domainView(tree, request, await identity.domains.get(actor, params['domain_id']!)),
    }),
  },
];

/** Projects stand directly below their domain. */
function refuseNesting(parentId: unknown, isDomain: unknown, domainId: string): void {
  if (isDomain === true) throw new KeystoneError(400, 'A project that acts as a domain can not be created.');
  if (parentId !== undefined && parentId !== null && parentId !== domainId)
    throw new KeystoneError(400, 'A project can only be created directly below its domain.');
}
