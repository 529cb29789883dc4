/** A gateway over real rooms in a temporary folder, for tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBlobs,
  createBuckets,
  createIdentity,
  migrate,
  openFolderStore,
  openSqlite,
} from '@imageyard/core';
import type { Actor, Blobs, BlobStore, Buckets, Catalog, Identity } from '@imageyard/core';
import { closeThreads, createHashFollower } from '@imageyard/engine/node';
import { createBucketServer } from './server.ts';
import type { GatewayConfig } from './gateway.ts';

/** A project with a user who may do everything in it, and his key. */
export interface Tenant {
  readonly projectId: string;
  readonly projectName: string;
  readonly access: string;
  readonly secret: string;
}

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly blobs: Blobs;
  readonly buckets: Buckets;
  readonly tenants: readonly Tenant[];
  /** What reached the log as our own fault. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

async function makeTenant(identity: Identity, admin: Actor, name: string, role: string): Promise<Tenant> {
  const project = await identity.projects.create(admin, { name, domainId: 'default' });
  const user = await identity.users.create(admin, {
    name,
    domainId: 'default',
    password: randomBytes(12).toString('hex'),
  });
  const [found] = await identity.roles.list(admin, role);
  await identity.grants.add(admin, {
    userId: user.id,
    roleId: found!.id,
    scope: { kind: 'project', id: project.id },
  });
  const key = await identity.accessKeys.create(admin, {
    userId: user.id,
    projectId: project.id,
    origin: 'ec2',
    description: '',
  });
  return { projectId: project.id, projectName: name, access: key.access, secret: key.secret };
}

/**
 * Start a gateway at a free port.
 * @param roles of the tenants' users, one tenant for each
 */
export async function startTestGateway(
  roles: readonly string[] = ['member'],
  config: Partial<GatewayConfig> = {},
  listen: { host: string; port: number } = { host: '127.0.0.1', port: 0 },
): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-gateway-'));
  const catalog = openSqlite(join(folder, 'catalog.sqlite'));
  await migrate(catalog);
  const identity = createIdentity({ catalog, secretKey: randomBytes(32) });
  const first = await identity.bootstrap({ region: 'eu-de' });
  const admin = await identity.actorForKey(first.key!.access);
  const tenants: Tenant[] = [];
  for (const [index, role] of roles.entries())
    tenants.push(await makeTenant(identity, admin, `tenant-${index + 1}`, role));
  const store = await openFolderStore(join(folder, 'blobs'));
  const blobs = createBlobs({ catalog, store, createHashFollower });
  const buckets = createBuckets({
    catalog,
    blobs,
    createHashFollower,
    settings: { bucketsPerProject: 1000 },
  });
  const errors: unknown[] = [];
  const { server, close } = createBucketServer(
    { identity, blobs, buckets },
    { region: 'eu-de', bucketHosts: ['localhost'], onError: (error) => void errors.push(error), ...config },
  );
  await new Promise<void>((resolve) => void server.listen(listen.port, listen.host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${listen.host}:${port}`,
    port,
    catalog,
    store,
    blobs,
    buckets,
    tenants,
    errors,
    async close() {
      await close(1000);
      buckets.close();
      await blobs.close();
      await catalog.close();
      await closeThreads();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
