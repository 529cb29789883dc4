import type { Identity } from '@imageyard/core';
import type { ImageCore } from './core.ts';
import { glanceDialect } from './dialects/glance/routes.ts';
import type { ImageDialect } from './dialects/glance/view.ts';
import { imsDialect } from './dialects/ims/routes.ts';
import { keystoneDialect } from './dialects/keystone/plugin.ts';
import { createDialectApp } from './http/app.ts';
import type { Dialect } from './http/app.ts';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from './http/fastify.ts';

/** What the API listener calls. */
export interface ApiCore extends ImageCore {
  readonly identity: Identity;
  /** Where clients reach the buckets, without trailing slash; undefined: there is no bucket listener. */
  bucketUrl(request: FastifyRequest): string | undefined;
}

/** What the API listener reads of the settings. */
export interface ApiConfig {
  readonly region: string;
  readonly publicUrl: string | undefined;
  readonly trustedProxies: readonly string[];
  /** How native image calls answer where OTC and plain Glance differ; default `otc`. */
  readonly dialect?: ImageDialect;
  readonly logger?: FastifyBaseLogger | undefined;
  readonly version?: string;
}

/** The API listener: Keystone, IMS and Glance on one host, and their OpenAPI document. Not listening yet. */
export function createApiApp(core: ApiCore, config: ApiConfig): Promise<FastifyInstance> {
  const { publicUrl, region, dialect = 'otc' } = config;
  const { identity, authenticate, bucketUrl } = core;
  const dialects = [
    keystoneDialect({
      identity,
      authenticate,
      region,
      publicUrl,
      bucketUrl: (request) => bucketUrl(request),
    }),
    imsDialect({ core }),
    glanceDialect({ core, dialect, publicUrl }),
  ];
  return createDialectApp(config, dialects, async (app) => serveDescription(app, config, dialects));
}

/** `GET /openapi.json`: OpenAPI 3.1 made from the schemas that the routes carry, at the first request. */
function serveDescription(app: FastifyInstance, config: ApiConfig, dialects: readonly Dialect[]): void {
  let description: Promise<object> | undefined;
  app.get(
    '/openapi.json',
    { schema: { hide: true } as object },
    () => (description ??= describe(config, dialects)),
  );
}

/** The same routes once more, on an instance that never listens and whose routes are collected. */
async function describe(config: ApiConfig, dialects: readonly Dialect[]): Promise<object> {
  const quiet = { ...config, logger: undefined };
  const app = await createDialectApp(quiet, dialects, (bare) => collect(bare, config.version ?? '0.0.0'));
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}

async function collect(app: FastifyInstance, version: string): Promise<void> {
  const { default: swagger } = await import('@fastify/swagger');
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Imageyard',
        version,
        description: 'Image management: IMS, Glance v2 and Keystone v3 on one host.',
      },
      components: {
        securitySchemes: {
          token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
          signature: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: 'SDK-HMAC-SHA256 signature with an access key',
          },
        },
      },
      security: [{ token: [] }, { signature: [] }],
    },
  });
}
