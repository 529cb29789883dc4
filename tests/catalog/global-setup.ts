import { findPostgres, startCluster } from './postgres.ts';
import type { Cluster } from './postgres.ts';

/**
 * One PostgreSQL for all test files of a run: `node --test --test-global-setup=tests/catalog/global-setup.ts`.
 * Without it each file starts its own, which takes a second.
 */
let cluster: Cluster | undefined;

export async function globalSetup(): Promise<void> {
  if (process.env['IMAGEYARD_TEST_POSTGRES'] || 'missing' in findPostgres()) return;
  cluster = await startCluster();
  process.env['IMAGEYARD_TEST_POSTGRES'] = cluster.url('postgres');
}

export async function globalTeardown(): Promise<void> {
  await cluster?.stop();
}
