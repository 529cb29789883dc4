import type { FastifyInstance, FastifyReply, FastifyRequest } from './fastify.ts';
import { HttpFault } from './faults.ts';

/** Glance's text for a path that nobody has. */
export const unknownPath = 'The resource could not be found.';

/** Which methods each registered path knows. */
export interface RouteMap {
  /** Methods of the routes that match a decoded path, sorted; empty when no route has this path. */
  methodsOf(path: string): string[];
}

/** Collect every route registered on `app` and on its plugins from now on. */
export function collectRoutes(app: FastifyInstance): RouteMap {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', (route) => {
    const known = routes.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set() };
    for (const method of [route.method].flat()) known.methods.add(method.toUpperCase());
    routes.set(route.url, known);
  });
  return {
    methodsOf(path) {
      const found = new Set<string>();
      for (const { pattern, methods } of routes.values())
        if (pattern.test(path)) for (const method of methods) found.add(method);
      return [...found].sort();
    },
  };
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) =>
      part === '*'
        ? '.*'
        : part.startsWith(':')
          ? '[^/]+'
          : part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`),
    )
    .join('/');
  return new RegExp(`^${source}$`);
}

/**
 * What no route matches: `OPTIONS` of a known path is 200 with `Allow`, another method of it 405
 * with `Allow`, all else 404. The dialect that owns the path words it.
 */
export async function answerUnmatched(
  request: FastifyRequest,
  reply: FastifyReply,
  routes: RouteMap,
): Promise<FastifyReply> {
  const path = request.url.split(/[?#]/, 1)[0] ?? '/';
  const methods = routes.methodsOf(path);
  if (methods.length === 0) throw new HttpFault('route-unknown', unknownPath);
  const allow = { allow: methods.join(', ') };
  if (request.method === 'OPTIONS')
    return reply
      .code(200)
      .headers({ ...allow, 'content-length': '0' })
      .send();
  throw new HttpFault(
    'method-not-allowed',
    `The method ${request.method} is not allowed for this resource.`,
    allow,
  );
}
