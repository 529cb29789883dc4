import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

/** What registered files can be stored as; `keep` is whatever they came as. */
export const storedFormats = ['raw', 'qcow2', 'vhd', 'zvhd2', 'keep'] as const;
const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;

/** An address to listen at; port 0 lets the system choose. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Every setting, read once, validated; units in the names. */
export interface Settings {
  readonly dataFolder: string;
  readonly listen: HostPort;
  readonly bucketListen: HostPort;
  readonly readyFile: string | undefined;
  /** `sqlite:PATH` or `postgresql://…`. */
  readonly databaseUrl: string;
  readonly region: string;
  /** What clients reach the listeners at, when that is not what they send as Host. No trailing slash. */
  readonly publicUrl: string | undefined;
  readonly bucketPublicUrl: string | undefined;
  /** Names under which buckets are addressed as `bucket.HOST`. */
  readonly bucketHosts: readonly string[];
  /** Addresses of proxies whose forwarded headers are believed. */
  readonly trustedProxies: readonly string[];
  readonly adminPassword: string | undefined;
  /** Format in which registered files are stored when the caller named none; `keep` keeps the source's. */
  readonly defaultDiskFormat: (typeof storedFormats)[number];
  readonly tokenLifeMs: number;
  /** Images per project, deleted ones not counted; undefined: no limit. */
  readonly imageQuota: number | undefined;
  readonly tagsPerImage: number;
  readonly registerSizeLimitBytes: number;
  readonly uploadSizeLimitBytes: number;
  readonly systemDiskLimitBytes: number;
  readonly signedBodyLimitBytes: number;
  readonly acceptedJobsPerProject: number;
  readonly runningJobsPerProject: number;
  readonly workerSlots: number | undefined;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly drainMs: number;
  readonly logLevel: (typeof logLevels)[number];
}

interface SettingRow<T> {
  readonly env: string;
  readonly flag?: string;
  readonly text: string;
  readonly fallback: T;
  parse(value: string): T;
}

/** A setting's value can't be used; the message names the setting, the value and what would do. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

const GiB = 1024 ** 3;
const text = (value: string): string => value;
const list = (value: string): readonly string[] =>
  value
    .split(',')
    .map((v) => v.trim())
    .filter(Boolean);
const url = (value: string): string => {
  if (!/^https?:\/\/[^/]+/.test(value)) throw new SettingError('must be an http or https URL');
  return value.replace(/\/+$/, '');
};
const oneOf =
  <T extends string>(values: readonly T[]) =>
  (value: string): T => {
    const found = values.find((v) => v === value);
    if (found === undefined) throw new SettingError(`must be one of ${values.join(', ')}`);
    return found;
  };
const count =
  (least: number, most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most)
      throw new SettingError(`must be a whole number from ${least} to ${most}`);
    return number;
  };

/** @throws {SettingError} */
export function parseHostPort(value: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (!match || host === '' || port > 65535 || (match[1] !== undefined && isIP(host) !== 6))
    throw new SettingError('must be HOST:PORT, for example 127.0.0.1:8774 or [::1]:8774');
  return { host, port };
}

type Rows = { readonly [K in keyof Omit<Settings, 'databaseUrl'>]: SettingRow<Settings[K]> };

/** The one list of settings: environment name, flag, default, meaning. */
export const settingRows: Rows = {
  dataFolder: {
    env: 'IMAGEYARD_DATA',
    flag: 'data',
    fallback: './imageyard-data',
    parse: text,
    text: 'folder of the embedded database, the blobs and the first password',
  },
  listen: {
    env: 'IMAGEYARD_LISTEN',
    flag: 'listen',
    fallback: { host: '127.0.0.1', port: 8774 },
    parse: parseHostPort,
    text: 'HOST:PORT of the API listener (IMS, Glance, Keystone)',
  },
  bucketListen: {
    env: 'IMAGEYARD_BUCKET_LISTEN',
    flag: 'bucketListen',
    fallback: { host: '127.0.0.1', port: 8775 },
    parse: parseHostPort,
    text: 'HOST:PORT of the bucket listener (S3, OBS)',
  },
  readyFile: {
    env: 'IMAGEYARD_READY_FILE',
    flag: 'readyFile',
    fallback: undefined,
    parse: text,
    text: 'file written (mode 0600) once every listener answers: URLs and first credentials as JSON',
  },
  region: { env: 'IMAGEYARD_REGION', fallback: 'eu-de', parse: text, text: 'name of the one region' },
  publicUrl: {
    env: 'IMAGEYARD_PUBLIC_URL',
    fallback: undefined,
    parse: url,
    text: 'URL of the API as clients reach it; default: what each request names as its host',
  },
  bucketPublicUrl: {
    env: 'IMAGEYARD_BUCKET_PUBLIC_URL',
    fallback: undefined,
    parse: url,
    text: 'URL of the bucket listener as clients reach it',
  },
  bucketHosts: {
    env: 'IMAGEYARD_BUCKET_HOSTS',
    fallback: ['localhost'],
    parse: list,
    text: 'host names, separated by commas, whose subdomains are bucket names',
  },
  trustedProxies: {
    env: 'IMAGEYARD_TRUSTED_PROXIES',
    fallback: [],
    parse: list,
    text: 'addresses, separated by commas, whose X-Forwarded headers are believed',
  },
  adminPassword: {
    env: 'IMAGEYARD_ADMIN_PASSWORD',
    fallback: undefined,
    parse: text,
    text: 'password of the user admin at the first start; default: random, kept in the data folder',
  },
  defaultDiskFormat: {
    env: 'IMAGEYARD_DEFAULT_DISK_FORMAT',
    fallback: 'zvhd2',
    parse: oneOf(storedFormats),
    text: 'format in which registered files are stored when the caller names none; "keep" keeps the source\'s',
  },
  tokenLifeMs: {
    env: 'IMAGEYARD_TOKEN_LIFE_MS',
    fallback: 24 * 3600_000,
    parse: count(600_000, 31 * 86_400_000),
    text: 'life of a token',
  },
  imageQuota: {
    env: 'IMAGEYARD_IMAGE_QUOTA',
    fallback: undefined,
    parse: count(0, 1e9),
    text: 'images per project; default: no limit',
  },
  tagsPerImage: {
    env: 'IMAGEYARD_TAGS_PER_IMAGE',
    fallback: 10,
    parse: count(0, 1000),
    text: 'tags per image',
  },
  registerSizeLimitBytes: {
    env: 'IMAGEYARD_REGISTER_SIZE_LIMIT_BYTES',
    fallback: 128 * GiB,
    parse: count(1, 2 ** 50),
    text: 'largest bucket object that can be registered',
  },
  uploadSizeLimitBytes: {
    env: 'IMAGEYARD_UPLOAD_SIZE_LIMIT_BYTES',
    fallback: 128 * GiB,
    parse: count(1, 2 ** 50),
    text: 'largest body of PUT /v2/images/{id}/file',
  },
  systemDiskLimitBytes: {
    env: 'IMAGEYARD_SYSTEM_DISK_LIMIT_BYTES',
    fallback: 1024 * GiB,
    parse: count(1, 2 ** 46),
    text: 'largest virtual size of a registered disk',
  },
  signedBodyLimitBytes: {
    env: 'IMAGEYARD_SIGNED_BODY_LIMIT_BYTES',
    fallback: 12 * 1024 ** 2,
    parse: count(1, 2 ** 40),
    text: 'largest body of a request signed with SDK-HMAC-SHA256',
  },
  acceptedJobsPerProject: {
    env: 'IMAGEYARD_PROJECT_ACCEPTED_JOBS',
    fallback: 40,
    parse: count(1, 1e6),
    text: 'unfinished jobs that a project may have',
  },
  runningJobsPerProject: {
    env: 'IMAGEYARD_PROJECT_HEAVY_JOBS',
    fallback: 4,
    parse: count(1, 1e4),
    text: 'jobs of one project that run at the same time',
  },
  workerSlots: {
    env: 'IMAGEYARD_WORKER_SLOTS',
    fallback: undefined,
    parse: count(1, 1024),
    text: 'jobs that run at the same time; default: one for each core',
  },
  leaseMs: {
    env: 'IMAGEYARD_LEASE_MS',
    fallback: 20_000,
    parse: count(1000, 600_000),
    text: 'lease of a running job',
  },
  heartbeatMs: {
    env: 'IMAGEYARD_HEARTBEAT_MS',
    fallback: 5000,
    parse: count(100, 200_000),
    text: 'pause between heartbeats of a running job; at most a third of the lease',
  },
  drainMs: {
    env: 'IMAGEYARD_DRAIN_MS',
    fallback: 8000,
    parse: count(0, 600_000),
    text: 'time that running requests and jobs get at a stop',
  },
  logLevel: {
    env: 'IMAGEYARD_LOG_LEVEL',
    fallback: 'info',
    parse: oneOf(logLevels),
    text: 'silent, error, warn, info or debug',
  },
};

/**
 * Read the settings: a flag beats the environment, which beats the default.
 * @throws {SettingError} naming the setting and what would do
 */
export function readSettings(
  flags: Readonly<Record<string, string | undefined>>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(settingRows) as [string, SettingRow<unknown>][]) {
    const flag = row.flag === undefined ? undefined : flags[row.flag];
    const given = flag ?? (env[row.env] === '' ? undefined : env[row.env]);
    try {
      values[name] = given === undefined ? row.fallback : row.parse(given);
    } catch (error) {
      const source =
        flag === undefined ? row.env : `--${row.flag!.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
      throw new SettingError(`${source} ${(error as Error).message}; got ${JSON.stringify(given)}`);
    }
  }
  const settings = values as unknown as Omit<Settings, 'databaseUrl'>;
  const dataFolder = resolve(settings.dataFolder);
  if (settings.heartbeatMs > settings.leaseMs / 3)
    throw new SettingError('IMAGEYARD_HEARTBEAT_MS must be at most a third of IMAGEYARD_LEASE_MS');
  const databaseUrl = env['DATABASE_URL'] || `sqlite:${join(dataFolder, 'catalog.sqlite')}`;
  if (!/^(sqlite:|postgres(ql)?:\/\/)/.test(databaseUrl))
    throw new SettingError('DATABASE_URL must start with sqlite: or postgresql://');
  return { ...settings, dataFolder, databaseUrl };
}
