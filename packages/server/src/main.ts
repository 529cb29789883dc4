import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { closeThreads } from '@imageyard/engine/node';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { createApiApp } from './api.ts';
import { createAuthenticate } from './auth/authenticate.ts';
import type { HostPort, Settings } from './config.ts';
import { openDataFolder } from './data-folder.ts';
import type { DataFolder } from './data-folder.ts';
import { createBucketServer } from './dialects/s3/server.ts';
import type { BucketServer } from './dialects/s3/server.ts';
import type { FastifyInstance, FastifyRequest } from './http/fastify.ts';
import { logSerializers, redactedPaths } from './http/log.ts';
import { drainServer } from './http/server.ts';
import { readyFrom, removeReady, writeReady } from './ready.ts';
import type { Ready } from './ready.ts';
import { openRooms } from './rooms.ts';
import type { Rooms } from './rooms.ts';

export interface RunningServer {
  readonly ready: Ready;
  /** Answer what is running, give jobs back at their mark, close everything; within `drainMs` and a second. */
  stop(): Promise<void>;
}

const version = '0.1.0';
const minute = 60_000;

/**
 * Start everything on one data folder and write the ready files once every listener answers.
 * @throws {DataFolderError} when another process has the folder; what listening or the database throws
 */
export async function startServer(settings: Settings, log: Logger): Promise<RunningServer> {
  const folder = await openDataFolder(settings.dataFolder);
  const undo: (() => unknown)[] = [() => folder.release()];
  try {
    const rooms = await openRooms(settings, folder, ({ event, ...facts }) => log.info(facts, event));
    undo.push(() => rooms.close());
    const bucket = bucketServer(settings, rooms, log);
    undo.push(() => bucket.server.close());
    const bucketAddress = await listen(bucket.server, settings.bucketListen);
    // Judging the first password costs another thread 25 ms or more: meanwhile the routes are made.
    const [first, api] = await Promise.all([
      firstStart(settings, folder, rooms),
      apiServer(settings, rooms, log, bucketAddress.port),
    ]);
    undo.push(() => api.close());
    await rooms.blobs.sweep();
    await rooms.transfer.recover();
    await api.listen({ host: settings.listen.host, port: settings.listen.port });
    const apiAddress = api.server.address() as AddressInfo;

    const urls = {
      api: settings.publicUrl ?? urlOf(settings.listen, apiAddress),
      bucket: settings.bucketPublicUrl ?? urlOf(settings.bucketListen, bucketAddress),
    };
    await rooms.runner.start();
    const ready = readyFrom(urls, settings.region, first);
    const readyFiles = [join(folder.path, 'ready.json'), ...(settings.readyFile ? [settings.readyFile] : [])];
    await writeReady(readyFiles, ready);
    const housekeeping = keepHouse(rooms, log);
    log.info({ ...urls, dataFolder: folder.path }, 'ready');
    return {
      ready,
      async stop() {
        clearInterval(housekeeping);
        await removeReady(readyFiles);
        const { drainMs } = settings;
        await Promise.all([drainServer(api, drainMs), bucket.close(drainMs), rooms.runner.stop(drainMs)]);
        await closeThreads();
        await rooms.close();
        folder.release();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => {});
    throw error;
  }
}

/** Accounts of the first start; the password is kept, so that later starts can tell it while it holds. */
async function firstStart(settings: Settings, folder: DataFolder, rooms: Rooms) {
  const kept = await folder.readFirstPassword();
  const given = kept ?? settings.adminPassword;
  return await rooms.identity.bootstrap({
    region: settings.region,
    ...(given === undefined ? {} : { password: given }),
    keepPassword: (password) => folder.writeFirstPassword(password),
  });
}

function bucketServer(settings: Settings, rooms: Rooms, log: Logger): BucketServer {
  return createBucketServer(rooms, {
    region: settings.region,
    bucketHosts: settings.bucketHosts,
    publicUrl: settings.bucketPublicUrl,
    trustedProxies: settings.trustedProxies,
    onError: (error, requestId) => log.error({ err: error, requestId }, 'bucket request failed'),
    onAnswer: (entry) => log.info(entry, 'bucket request'),
  });
}

function apiServer(
  settings: Settings,
  rooms: Rooms,
  log: Logger,
  bucketPort: number,
): Promise<FastifyInstance> {
  const { identity, images, jobs, transfer } = rooms;
  const authenticate = createAuthenticate({ identity, signedBodyLimitBytes: settings.signedBodyLimitBytes });
  const { bucketPublicUrl } = settings;
  const bucketUrl = (request: FastifyRequest): string =>
    bucketPublicUrl ?? `http://${bareHost(request)}:${bucketPort}`;
  return createApiApp(
    { identity, images, jobs, transfer, authenticate, bucketUrl },
    {
      region: settings.region,
      publicUrl: settings.publicUrl,
      trustedProxies: settings.trustedProxies,
      logger: log,
      version,
    },
  );
}

/** The host that the client named, without its port. */
const bareHost = (request: FastifyRequest): string => request.host.replace(/:\d+$/, '');

async function listen(server: Server, { host, port }: HostPort): Promise<AddressInfo> {
  server.listen(port, host);
  await once(server, 'listening'); // rejects with the listener's error
  return server.address() as AddressInfo;
}

/** Where the listener can be reached from this machine; a wildcard address is not one. */
function urlOf({ host }: HostPort, { port }: AddressInfo): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** What has to be done now and then; failures are logged and tried again. */
function keepHouse(rooms: Rooms, log: Logger): NodeJS.Timeout {
  const tasks = {
    'token clean-up': () => rooms.identity.cleanUp(),
    'upload expiry': () => rooms.buckets.expireUploads(),
    'blob sweep': () => rooms.blobs.sweep(),
  };
  const timer = setInterval(() => {
    for (const [task, work] of Object.entries(tasks))
      work().catch((error: unknown) => log.warn({ err: error, task }, 'housekeeping failed'));
  }, 10 * minute);
  return timer.unref();
}

export function createLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: redactedPaths, censor: '-' },
      serializers: { ...pino.stdSerializers, ...logSerializers },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/**
 * Run until SIGTERM or SIGINT; a second signal ends the process at once.
 * @returns the exit code: 0 after a stop, 1 when it could not start
 */
export async function runServer(settings: Settings): Promise<number> {
  const log = createLog(settings.logLevel);
  // Heard from the first moment on: a signal during the start stops what was started.
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
  let server: RunningServer;
  try {
    server = await startServer(settings, log);
  } catch (error) {
    process.stderr.write(`imageyard: ${reasonOf(error, settings)}\n`);
    return 1;
  }
  const signal = await signalled;
  log.info({ signal }, 'stopping');
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => process.exit(1));
  await server.stop();
  log.info('stopped');
  return 0;
}

function reasonOf(error: unknown, settings: Settings): string {
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port} is in use; choose other addresses with --listen and --bucket-listen`;
  if (code === 'EACCES')
    return `${message}; the address or the data folder ${settings.dataFolder} is not ours to use`;
  return message;
}
