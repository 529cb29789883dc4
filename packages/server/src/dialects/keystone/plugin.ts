import type { FastifyPluginAsync, FastifySchema } from 'fastify';
import { acceptAnyBody } from '../../http/body.ts';
import type { Dialect } from '../../http/app.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import type { Query } from '../../http/query.ts';
import { authRoutes } from './auth.ts';
import { credentialRoutes } from './credentials.ts';
import type { KeystoneDeps, Tree } from './deps.ts';
import { identityVersion } from './discovery.ts';
import { keystoneAnswer } from './errors.ts';
import { hostUrl } from './links.ts';
import { projectRoutes } from './projects.ts';
import { roleRoutes } from './roles.ts';
import type { Route } from './route.ts';
import { serviceRoutes } from './services.ts';
import { userRoutes } from './users.ts';

export type { KeystoneDeps } from './deps.ts';

const routes: readonly Route[] = [
  ...authRoutes,
  ...projectRoutes,
  ...userRoutes,
  ...roleRoutes,
  ...credentialRoutes,
  ...serviceRoutes,
];

/** Where the same API answers: at the root for `/v3` in a client's auth URL, below `/identity` for one without. */
const prefixes = ['/v3', '/v3.0', '/identity/v3', '/identity/v3.0'] as const;

/** What the API description reads of a route. */
type Described = FastifySchema & {
  readonly tags?: string[];
  readonly summary?: string;
  readonly hide?: true;
};
const hidden: Described = { hide: true };

/** The identity API as one of the API listener's dialects. */
export function keystoneDialect(deps: KeystoneDeps): Dialect {
  return {
    owns: (path) => /^\/(?:v3|v3\.0|identity)(?:\/|$)/.test(path),
    answer: (error, request) => keystoneAnswer(error, request, deps.publicUrl),
    plugin: keystonePlugin(deps),
  };
}

/** Its routes, to be registered under `/`. */
export function keystonePlugin(deps: KeystoneDeps): FastifyPluginAsync {
  return async (app) => {
    acceptAnyBody(app);
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('vary', 'X-Auth-Token');
    });
    app.setErrorHandler((error, request, reply) => {
      const answer = keystoneAnswer(error, request, deps.publicUrl);
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    });
    discovery(app, deps);
    const checks = new Set(routes.filter(({ method }) => method === 'HEAD').map(({ path }) => path));
    for (const prefix of prefixes)
      for (const route of routes) register(app, { ...deps, prefix }, route, checks.has(route.path));
  };
}

/** Documents that need no credentials and ignore bad ones. */
function discovery(app: FastifyInstance, deps: KeystoneDeps): void {
  const read = ['GET', 'HEAD'];
  for (const prefix of prefixes) {
    const version = prefix.replace('v3.0', 'v3');
    const handler = async (request: FastifyRequest) => ({
      version: identityVersion(`${hostUrl(request, deps.publicUrl)}${version}/`),
    });
    for (const url of [prefix, `${prefix}/`]) app.route({ method: read, url, handler, schema: hidden });
  }
  const root = async (request: FastifyRequest, reply: FastifyReply) => {
    const href = `${hostUrl(request, deps.publicUrl)}/identity/v3/`;
    reply.code(300).header('location', href);
    return { versions: { values: [identityVersion(href)] } };
  };
  for (const url of ['/identity', '/identity/'])
    app.route({ method: read, url, handler: root, schema: hidden });
}

/** In v3 with and without a slash at the end, as Keystone does; `GET` answers `HEAD` too unless that has a handler of its own. */
function register(app: FastifyInstance, tree: Tree, route: Route, hasOwnHead: boolean): void {
  const method = route.method === 'GET' && !hasOwnHead ? ['GET', 'HEAD'] : route.method;
  const url = `${tree.prefix}${route.path}`;
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (!route.open) request.actor = await tree.authenticate(request, reply, { withoutProject: 'domain' });
    return await route.run({
      tree,
      identity: tree.identity,
      request,
      reply,
      actor: request.actor,
      params: request.params as Record<string, string>,
      query: request.query as Query,
    });
  };
  const described: Described = {
    tags: ['identity'],
    summary: route.summary,
    ...(route.body ? { body: route.body } : {}),
  };
  // The description shows one tree; the others are the same.
  const schema = tree.prefix === '/v3' ? described : hidden;
  app.route({ method, url, handler, schema });
  if (tree.prefix.endsWith('v3')) app.route({ method, url: `${url}/`, handler, schema: hidden });
}
