/** A gateway over real rooms in a temporary folder, for tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
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
import { canonicalRequest, hmacHex, sha256Hex, signingKey } from './auth/sigv4-canonical.ts';
import type { GatewayConfig } from './gateway.ts';
import { Headers } from './headers.ts';
import { createBucketServer } from './server.ts';
import { parseTarget } from './target.ts';

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

/** Answer of a test's request. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestRequest {
  readonly method?: string;
  /** As it is sent. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Value of x-amz-content-sha256; default: the body's hash. */
  readonly payload?: string;
  readonly host?: string;
}

const basicTime = (): string => new Date().toISOString().replace(/[-:]|\.\d+/g, '');

/** Headers of a request with signature version 4, `host` included. */
export function signedHeaders(tenant: Tenant, port: number, request: TestRequest): Record<string, string> {
  const { method = 'GET', path, body = '', host = `127.0.0.1:${port}` } = request;
  const dateTime = basicTime();
  const payload = request.payload ?? sha256Hex(Buffer.from(body));
  const headers: Record<string, string> = {
    host,
    'x-amz-date': dateTime,
    'x-amz-content-sha256': payload,
    ...request.headers,
  };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .filter((name) => name === 'host' || name.startsWith('x-amz-'))
    .sort();
  const date = dateTime.slice(0, 8);
  const target = parseTarget(path, host, ['localhost']);
  const canonical = canonicalRequest(
    { method, target, headers: new Headers(Object.entries(headers)) },
    names,
    payload,
  );
  const scope = `${date}/eu-de/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', dateTime, scope, sha256Hex(canonical)].join('\n');
  const signature = hmacHex(signingKey(tenant.secret, date, 'eu-de'), toSign);
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${tenant.access}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return headers;
}

/** Send a signed request and read its answer. */
export async function send(tenant: Tenant, port: number, request: TestRequest): Promise<Reply> {
  const headers = signedHeaders(tenant, port, request);
  if (headers['transfer-encoding'] === undefined && request.body !== undefined)
    headers['content-length'] ??= String(Buffer.byteLength(request.body));
  return sendRaw(port, { ...request, headers });
}

/** The same without a signature. */
export function sendRaw(port: number, request: TestRequest): Promise<Reply> {
  const { method = 'GET', path, headers = {}, body } = request;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers },
      agent: false,
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      text(response).then(
        (got) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: got }),
        reject,
      );
    });
    sent.end(body);
  });
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
