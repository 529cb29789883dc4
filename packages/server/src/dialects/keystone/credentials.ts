import { keystone } from '@imageyard/wire';
import { envelope, jsonObject, shaped } from './body.ts';
import { listOf } from './links.ts';
import { filter, maybe, noContent, unstored, within } from './route.ts';
import type { Route } from './route.ts';
import { audit } from './users.ts';
import { accessKeyView, ec2View, keystoneTime } from './views.ts';

const ec2 = '/users/:user_id/credentials/OS-EC2';
const otc = '/OS-CREDENTIAL/credentials';

/** Access keys, in OpenStack's words (EC2) and in OTC's (OS-CREDENTIAL): the same keys. */
export const credentialRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: ec2,
    summary: 'Make an access key for a project; the only answer with its secret.',
    body: keystone.ec2Create,
    async run({ tree, request, reply, identity, actor, params }) {
      const body = shaped(await jsonObject(request, reply), keystone.ec2Create);
      const key = await identity.accessKeys.create(actor, {
        userId: params['user_id']!,
        projectId: body.tenant_id,
        origin: 'ec2',
      });
      audit({ request, actor }, 'key-made', key.access);
      unstored(reply).code(201);
      return { credential: ec2View(tree, request, key, key.secret) };
    },
  },
  {
    method: 'GET',
    path: ec2,
    summary: "List a user's access keys, without secrets.",
    async run({ tree, request, identity, actor, params }) {
      const keys = await identity.accessKeys.list(actor, params['user_id']!);
      return listOf(
        tree,
        request,
        'credentials',
        keys.map((key) => ec2View(tree, request, key)),
      );
    },
  },
  {
    method: 'GET',
    path: `${ec2}/:access`,
    summary: 'Show an access key, without its secret.',
    run: async ({ tree, request, identity, actor, params }) => ({
      credential: ec2View(
        tree,
        request,
        await identity.accessKeys.get(actor, params['access']!, params['user_id']!),
      ),
    }),
  },
  {
    method: 'DELETE',
    path: `${ec2}/:access`,
    summary: 'Delete an access key.',
    async run({ request, reply, identity, actor, params }) {
      await identity.accessKeys.remove(actor, params['access']!, params['user_id']!);
      audit({ request, actor }, 'key-deleted', params['access']!);
      return noContent(reply);
    },
  },
  {
    method: 'POST',
    path: otc,
    summary: 'Make an access key; the only answer with its secret.',
    body: within('credential', keystone.accessKeyCreate),
    async run({ request, reply, identity, actor }) {
      const body = await envelope(request, reply, 'credential', keystone.accessKeyCreate);
      const key = await identity.accessKeys.create(actor, {
        userId: body.user_id ?? actor.userId,
        origin: 'credential',
        ...maybe('description', body.description ?? undefined),
      });
      audit({ request, actor }, 'key-made', key.access);
      unstored(reply).code(201);
      return { credential: { ...accessKeyView(key), secret: key.secret } };
    },
  },
  {
    method: 'GET',
    path: otc,
    summary: "List a user's access keys: one's own without user_id.",
    async run({ identity, actor, query }) {
      const keys = await identity.accessKeys.list(actor, filter(query, 'user_id') ?? actor.userId);
      return { credentials: keys.map(accessKeyView) };
    },
  },
  {
    method: 'GET',
    path: `${otc}/:access`,
    summary: 'Show an access key and when it was last used.',
    async run({ identity, actor, params }) {
      const key = await identity.accessKeys.get(actor, params['access']!);
      const last_use_time = keystoneTime(key.lastUsedAt ?? key.createdAt);
      return { credential: { ...accessKeyView(key), last_use_time } };
    },
  },
  {
    method: 'PUT',
    path: `${otc}/:access`,
    summary: 'Activate, deactivate or describe an access key.',
    body: within('credential', keystone.accessKeyUpdate),
    async run({ request, reply, identity, actor, params }) {
      const body = await envelope(request, reply, 'credential', keystone.accessKeyUpdate);
      const key = await identity.accessKeys.update(actor, params['access']!, {
        ...maybe('active', body.status === undefined ? undefined : body.status === 'active'),
        ...maybe('description', body.description ?? undefined),
      });
      audit({ request, actor }, 'key-changed', key.access);
      return { credential: accessKeyView(key) };
    },
  },
  {
    method: 'DELETE',
    path: `${otc}/:access`,
    summary: 'Delete an access key.',
    async run({ request, reply, identity, actor, params }) {
      await identity.accessKeys.remove(actor, params['access']!);
      audit({ request, actor }, 'key-deleted', params['access']!);
      return noContent(reply);
    },
  },
];
