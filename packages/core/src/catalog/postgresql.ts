import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Client, ClientConfig, CustomTypesConfig, Pool } from 'pg';
import type { Catalog, Database, Tx } from './database.ts';
import type { Tables } from './tables/index.ts';
import { localWakeUp } from './wake.ts';
import type { WakeUp } from './wake.ts';

/** Bounds on the server, in milliseconds; every statement of the program is far below them. */
const limits = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 30_000,
  /** And on the way there: a server that no longer answers. */
  query_timeout: 35_000,
  connectionTimeoutMillis: 10_000,
  keepAlive: true,
} as const;

/** A deadlock or a failed serialisation: nothing was done, the same again will do. */
const repeatable = new Set(['40P01', '40001']);
const attempts = 4;

/**
 * Open PostgreSQL 15 or later by URL: a pool of `poolSize` connections, and one that listens.
 * @param exclusive hold the database for this process alone
 * @throws when the server can't be reached, or another process has the database
 */
export async function openPostgresql(
  url: string,
  { poolSize = 10, exclusive = false }: { poolSize?: number; exclusive?: boolean } = {},
): Promise<Catalog> {
  const { default: pg } = await import('pg');
  const types = numbersFor(pg.types);
  const connection = { connectionString: url, types };
  const pool = (config: ClientConfig & { max: number }): Pool => {
    const made = new pg.Pool({ ...connection, ...config });
    made.on('error', () => {}); // an idle connection died; the next query opens another
    return made;
  };
  const main = pool({ ...limits, max: poolSize });
  const db: Database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: main }) });
  // Opened by the first migration alone.
  const schema: Database = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: () => Promise.resolve(pool({ max: 1 })) }),
  });
  await sql`select 1`.execute(db);
  const wake = postgresWakeUp(() => new pg.Client({ ...connection, keepAlive: true }), main, exclusive);
  try {
    await wake.started;
  } catch (error) {
    await wake.stop();
    await db.destroy();
    throw error;
  }
  return {
    engine: 'postgresql',
    db,
    schema,
    write: (work) => repeating(db, work),
    wake,
    async close() {
      await wake.stop();
      await schema.destroy();
      await db.destroy();
    },
  };
}

/** 64-bit integers and sums of them as numbers: all are below 2^53. */
function numbersFor(defaults: CustomTypesConfig): CustomTypesConfig {
  const [int8, numeric] = [20, 1700];
  return {
    getTypeParser: (id, format) =>
      id === int8 || id === numeric ? Number : defaults.getTypeParser(id, format),
  };
}

async function repeating<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (attempt === attempts || typeof code !== 'string' || !repeatable.has(code)) throw error;
    }
  }
}

/** Any two numbers; the same in every release. */
const claimKey = [0x696d6167, 0x65796172] as const;

/**
 * One process for one database, as long as the blobs lie in a folder that only it has. The lock ends
 * with the session, so after a crash the server may need a moment to notice.
 */
async function claim(client: Client): Promise<void> {
  for (let waited = 0; ; waited += 250) {
    const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
      ...claimKey,
    ]);
    if (rows[0]?.held) return;
    if (waited >= 5000)
      throw new Error('the database is in use by another imageyard; stop it first, or name another database');
    await new Promise((wake) => setTimeout(wake, 250));
  }
}

/** LISTEN on a connection of its own, opened again when it breaks; NOTIFY through the pool. */
function postgresWakeUp(
  connect: () => Client,
  pool: Pool,
  exclusive: boolean,
): WakeUp & { started: Promise<void>; stop(): Promise<void> } {
  const local = localWakeUp();
  let client: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;
  const listen = async (): Promise<void> => {
    const next = connect();
    next.on('notification', (message) => {
      if (message.payload) local.notify(message.payload);
    });
    next.on('error', () => {});
    next.once('end', again);
    client = next;
    await next.connect();
    if (exclusive) await claim(next);
    await next.query('listen imageyard');
  };
  const again = (): void => {
    if (stopped || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      listen().catch(again);
    }, 1000);
    retry.unref();
  };
  return {
    started: listen(),
    notify(channel) {
      void pool.query("select pg_notify('imageyard', $1)", [channel]).catch(() => {});
    },
    listen: local.listen,
    async stop() {
      stopped = true;
      clearTimeout(retry);
      await client?.end().catch(() => {});
    },
  };
}
