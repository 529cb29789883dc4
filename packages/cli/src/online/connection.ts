import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '@imageyard/wire/client';

/** Nothing tells where the server is; the message says what would. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where the server is and who asks: the ready file if named, else `OS_*` (and `AWS_*`), else the ready
 * file of the default data folder.
 * @throws {ConnectionError}
 */
export async function findConnection(readyFile: string | undefined, env: Env): Promise<Connection> {
  if (readyFile !== undefined) return fromReadyFile(readyFile, await readReady(readyFile));
  if (env['OS_AUTH_URL']) return fromEnvironment(env);
  const path = join(env['IMAGEYARD_DATA'] || './imageyard-data', 'ready.json');
  const text = await readReady(path).catch(() => undefined);
  if (text === undefined)
    throw new ConnectionError(
      `no server found: ${path} is not there. Start one with "imageyard serve", or name its ready file ` +
        'with --ready-file, or set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME',
    );
  return fromReadyFile(path, text);
}

async function readReady(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConnectionError(`the ready file ${path} can't be read: ${(error as Error).message}`);
  }
}

function fromReadyFile(path: string, text: string): Connection {
  let ready: Record<string, unknown>;
  try {
    ready = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new ConnectionError(`the ready file ${path} is not JSON`);
  }
  const string = (name: string): string => {
    const value = ready[name];
    if (typeof value === 'string') return value;
    if (name === 'password' && value === null)
      throw new ConnectionError(
        `${path} has no password: it was changed. Set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME`,
      );
    throw new ConnectionError(`the ready file ${path} has no ${name}`);
  };
  const project = ready['project'] as { id?: string; name?: string } | undefined;
  return {
    identity: string('identity'),
    api: string('api'),
    bucket: string('bucket'),
    region: string('region'),
    user: string('user'),
    domain: string('domain'),
    password: string('password'),
    project: { id: project?.id },
    accessKey: string('accessKey'),
    secretKey: string('secretKey'),
  };
}

function fromEnvironment(env: Env): Connection {
  const need = (name: string): string => {
    const value = env[name];
    if (!value) throw new ConnectionError(`OS_AUTH_URL is set, but ${name} is not`);
    return value;
  };
  const base = need('OS_AUTH_URL').replace(/\/+$/, '');
  if (!env['OS_PROJECT_ID']) need('OS_PROJECT_NAME');
  const domain = env['OS_USER_DOMAIN_NAME'] || env['OS_DOMAIN_NAME'] || 'Default';
  return {
    identity: /\/v3(\.0)?$/.test(base) ? base : `${base}/v3`,
    user: need('OS_USERNAME'),
    domain,
    password: need('OS_PASSWORD'),
    project: {
      id: env['OS_PROJECT_ID'] || undefined,
      name: env['OS_PROJECT_NAME'],
      domain: env['OS_PROJECT_DOMAIN_NAME'] || domain,
    },
    region: env['OS_REGION_NAME'] || undefined,
    bucket: (env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'])?.replace(/\/+$/, ''),
    accessKey: env['AWS_ACCESS_KEY_ID'] || env['OS_ACCESS_KEY'] || undefined,
    secretKey: env['AWS_SECRET_ACCESS_KEY'] || env['OS_SECRET_KEY'] || undefined,
  };
}
