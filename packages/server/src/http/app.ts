import type { FastifyPluginAsync } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from './fastify.ts';
import { HttpFault } from './faults.ts';
import { isMalformed } from './query.ts';
import { createHttpServer } from './server.ts';
import type { WireAnswer } from './server.ts';
import { answerUnmatched, collectRoutes, unknownPath } from './unmatched.ts';

/** What a listener of dialects needs to know. */
export interface AppConfig {
  readonly trustedProxies: readonly string[];
  readonly logger?: FastifyBaseLogger | undefined;
}

/** A dialect: who owns which paths, and how it words what no route of it could. */
export interface Dialect {
  owns(path: string): boolean;
  answer(error: unknown, request: FastifyRequest): WireAnswer;
  /** Its routes, credentials hook and parsers, encapsulated. */
  readonly plugin: FastifyPluginAsync;
}

/**
 * The API listener: one Fastify instance, one encapsulated plugin per dialect, and what no route
 * matches answered by the dialect that owns the path; the first that says so does, the last has the rest.
 * @param prepare called on the bare instance, before any route
 */
export async function createDialectApp(
  config: AppConfig,
  dialects: readonly Dialect[],
  prepare: (app: FastifyInstance) => Promise<void> = async () => {},
): Promise<FastifyInstance> {
  const ownerOf = (url: string): Dialect => {
    const path = url.split(/[?#]/, 1)[0] ?? '/';
    return dialects.find((dialect) => dialect.owns(path)) ?? dialects.at(-1)!;
  };
  const app = createHttpServer({
    logger: config.logger,
    trustedProxies: config.trustedProxies,
    onFault: (error, request) =>
      ownerOf(request.url).answer(
        new HttpFault('url-malformed', `The URL can not be decoded: ${error.message}`),
        request,
      ),
  });
  const routes = collectRoutes(app);
  app.decorateRequest('actor', null as never);
  app.addHook('onRequest', async (request) => {
    if (isMalformed(request.query))
      throw new HttpFault('url-malformed', 'The query string is not percent-encoded UTF-8.');
    // `/v2/images/` matches `/v2/images/:id` with an empty id: there is no such resource.
    if (Object.values(request.params ?? {}).includes('')) throw new HttpFault('route-unknown', unknownPath);
  });
  app.setErrorHandler((error, request, reply) => {
    const answer = ownerOf(request.url).answer(error, request);
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  });
  app.setNotFoundHandler((request, reply) => answerUnmatched(request, reply, routes));
  await prepare(app);
  for (const dialect of dialects) await app.register(dialect.plugin);
  return app;
}
