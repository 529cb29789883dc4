import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after } from 'node:test';
import {
  createBlobs,
  createBuckets,
  createIdentity,
  createImages,
  createJobs,
  createTransfer,
  glanceImageSettings,
  migrate,
  openFolderStore,
  openSqlite,
  otcImageSettings,
  Runner,
} from '@imageyard/core';
import type { Actor, BucketSettings, ImageSettings, StorageClass, TransferSettings } from '@imageyard/core';
import { closeThreads, createHashFollower } from '@imageyard/engine/node';
import { createApiApp } from '../api.ts';
import { createAuthenticate } from '../auth/authenticate.ts';
import type { ImageDialect } from './glance/view.ts';

/** What of the service a test wants otherwise. */
export interface ServiceOptions {
  readonly dialect?: ImageDialect;
  readonly images?: Partial<ImageSettings>;
  readonly transfer?: Partial<TransferSettings>;
  readonly buckets?: Partial<BucketSettings>;
  /** Run jobs; default: they stay queued. */
  readonly runJobs?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever was answered
  readonly json: any;
}

/** Somebody with credentials. */
export interface Caller {
  readonly token: string;
  readonly projectId: string;
  readonly access: string;
  readonly secret: string;
}

/** The API listener over real rooms in a temporary folder, with an administrator logged in. */
export async function startService(options: ServiceOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-api-'));
  const catalog = openSqlite(join(folder, 'catalog.sqlite'));
  await migrate(catalog);
  const store = await openFolderStore(join(folder, 'store'));
  const identity = createIdentity({ catalog, secretKey: randomBytes(32) });
  const {
    project,
    password,
    key: firstKey,
  } = await identity.bootstrap({ region: 'eu-de', userName: 'admin' });
  const blobs = createBlobs({ catalog, store, createHashFollower });
  const buckets = createBuckets({ catalog, blobs, createHashFollower, settings: options.buckets ?? {} });
  const base = options.dialect === 'glance' ? glanceImageSettings : otcImageSettings;
  const images = createImages({ catalog, settings: { ...base, ...options.images } });
  const transfer = createTransfer({
    catalog,
    store,
    blobs,
    buckets,
    images,
    settings: options.transfer ?? {},
  });
  const jobs = createJobs(catalog);
  const authenticate = createAuthenticate({ identity, signedBodyLimitBytes: 12 * 1024 ** 2 });
  const app = await createApiApp(
    { images, transfer, jobs, authenticate, identity, bucketUrl: () => undefined },
    { region: 'eu-de', publicUrl: undefined, trustedProxies: [], dialect: options.dialect ?? 'otc' },
  );
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const runner = new Runner({ catalog, handlers: transfer.handlers, exclusive: true, pollMs: 50 });
  if (options.runJobs) await runner.start();
  after(async () => {
    await app.close();
    await runner.stop();
    await buckets.close();
    await blobs.close();
    await closeThreads();
    await catalog.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Log in by password, scoped to a project, or to nothing. */
  async function login(name: string, secret: string, projectId?: string): Promise<string> {
    const issued = await identity.login({
      proofs: [{ method: 'password', user: { name, domain: { name: 'Default' } }, password: secret }],
      scope: projectId === undefined ? { kind: 'unscoped' } : { kind: 'project', project: { id: projectId } },
    });
    return issued.token;
  }
  const admin: Caller = {
    token: await login('admin', password!, project!.id),
    projectId: project!.id,
    access: firstKey!.access,
    secret: firstKey!.secret,
  };
  const adminActor = await identity.actorForToken(admin.token);

  async function call(method: string, path: string, init: CallOptions = {}): Promise<Answer> {
    const { caller = admin, body, headers = {} } = init;
    const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(caller ? { 'x-auth-token': caller.token } : {}),
        ...(isRaw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  }

  return {
    url,
    folder,
    catalog,
    identity,
    images,
    transfer,
    jobs,
    buckets,
    runner,
    admin,
    adminActor,
    call,
    login,
    /** Another user in a project of their own, or in `projectId`, with these roles. */
    async newCaller(roles: readonly string[], projectId?: string): Promise<Caller> {
      const name = `user-${randomBytes(6).toString('hex')}`;
      const made =
        projectId ?? (await identity.projects.create(adminActor, { name, domainId: 'default' })).id;
      const user = await identity.users.create(adminActor, {
        name,
        password: `${name}-pw`,
        domainId: 'default',
      });
      for (const role of roles) {
        const [found] = await identity.roles.list(adminActor, role);
        await identity.grants.add(adminActor, {
          userId: user.id,
          roleId: found!.id,
          scope: { kind: 'project', id: made },
        });
      }
      const token = await login(name, `${name}-pw`, made);
      const keyMade = await identity.accessKeys.create(adminActor, {
        userId: user.id,
        projectId: made,
        origin: 'ec2',
      } as never);
      return { token, projectId: made, access: keyMade.access, secret: keyMade.secret };
    },
    actorOf: (caller: Caller): Promise<Actor> => identity.actorForToken(caller.token),
    /** Put an object into a bucket of the caller's project; the bucket is made when it isn't there. */
    async putObject(
      bucketName: string,
      key: string,
      bytes: Uint8Array,
      storageClass?: StorageClass,
      caller = admin,
    ) {
      const actor = await identity.actorForToken(caller.token);
      await buckets.createBucket(actor, bucketName).catch(() => {});
      const bucket = await buckets.open(actor, bucketName, 'bucket-write');
      const blob = await blobs.receive(Readable.from([bytes]), { limitBytes: 1e12 });
      return buckets.put(bucket, key, blob, { headers: {}, metadata: {}, storageClass });
    },
    /** Every image row and job row, to show that a refusal changed nothing. */
    async state(): Promise<unknown> {
      const rows = await catalog.db.selectFrom('images').selectAll().orderBy('id').execute();
      const jobRows = await catalog.db.selectFrom('jobs').select(['id', 'state']).orderBy('id').execute();
      const members = await catalog.db.selectFrom('image_members').selectAll().execute();
      return { rows, jobRows, members };
    },
  };
}

export interface CallOptions {
  /** Default: the administrator; null: nobody. */
  readonly caller?: Pick<Caller, 'token'> | null;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Service = Awaited<ReturnType<typeof startService>>;
