import { randomBytes } from 'node:crypto';
import { createIdentity, createPasswords, migrate, openSqlite } from '@imageyard/core';
import type { FirstStartFacts, Identity } from '@imageyard/core';
import type { FastifyBaseLogger, FastifyInstance } from '../../http/fastify.ts';
import { createAuthenticate } from '../../auth/authenticate.ts';
import { createDialectApp } from '../../http/app.ts';
import { keystoneDialect } from './plugin.ts';

export const adminPassword = 'correct horse battery staple';

export interface TestKeystone {
  readonly app: FastifyInstance;
  readonly identity: Identity;
  readonly first: FirstStartFacts;
  /** Password checks so far: how much work a login was. */
  readonly hashes: { count: number };
  close(): Promise<void>;
}

/** The identity API alone, on an empty database in memory, with cheap hashes. */
export async function startKeystone(logger?: FastifyBaseLogger): Promise<TestKeystone> {
  const catalog = openSqlite(':memory:');
  await migrate(catalog);
  const hashes = { count: 0 };
  const passwords = createPasswords({
    cost: { memoryKib: 64, passes: 1, lanes: 1 },
    onHash: () => hashes.count++,
  });
  const identity = createIdentity({ catalog, secretKey: randomBytes(32), passwords });
  const first = await identity.bootstrap({ region: 'eu-de', password: adminPassword });
  const config = {
    publicUrl: undefined,
    trustedProxies: ['127.0.0.1'],
    region: 'eu-de',
    signedBodyLimitBytes: 1e6,
  };
  const authenticate = createAuthenticate({ identity, signedBodyLimitBytes: config.signedBodyLimitBytes });
  const keystone = keystoneDialect({
    identity,
    authenticate,
    region: config.region,
    publicUrl: config.publicUrl,
    bucketUrl: (request) => `${request.protocol}://${request.hostname}:8775`,
  });
  const app = await createDialectApp({ ...config, ...(logger ? { logger } : {}) }, [keystone]);
  return {
    app,
    identity,
    first,
    hashes,
    async close() {
      await app.close();
      await catalog.close();
    },
  };
}
