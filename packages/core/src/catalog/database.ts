import { DatabaseSync } from 'node:sqlite';
import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Tables } from './tables/index.ts';

export type Engine = 'sqlite' | 'postgresql';
export type Database = Kysely<Tables>;
export type Tx = Transaction<Tables>;

/** The catalogue's connection: reads go to `db`, every write through `write`. */
export interface Catalog {
  readonly engine: Engine;
  readonly db: Database;
  /**
   * One short transaction; serial with all other writers on SQLite, READ COMMITTED on PostgreSQL.
   * Durable when it resolves. Never await anything but the database inside.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Ask another process, or this one, to look for work at once; only a hint. */
  readonly wake: WakeUp;
  close(): Promise<void>;
}

export interface WakeUp {
  notify(channel: string): void;
  /** @returns a function that ends the subscription */
  listen(channel: string, heard: () => void): () => void;
}

function localWakeUp(): WakeUp {
  const channels = new Map<string, Set<() => void>>();
  return {
    notify(channel) {
      for (const heard of channels.get(channel) ?? []) setImmediate(heard);
    },
    listen(channel, heard) {
      const set = channels.get(channel) ?? new Set();
      channels.set(channel, set);
      set.add(heard);
      return () => void set.delete(heard);
    },
  };
}

/**
 * Open the embedded database at `path` (`:memory:` allowed), durable at each commit.
 * Migrations are run by `migrate` (migrations/index.ts).
 */
export function openSqlite(path: string): Catalog {
  const open = (): DatabaseSync => {
    const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;',
    );
    return database;
  };
  const connection = open();
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: asKyselyDatabase(connection) }) });
  // Kysely serialises the one connection; a transaction is BEGIN … COMMIT on it.
  return {
    engine: 'sqlite',
    db,
    write: (work) => db.transaction().execute(work),
    wake: localWakeUp(),
    close: () => db.destroy(),
  };
}

/** node:sqlite behind the three calls that Kysely's SqliteDialect makes. */
function asKyselyDatabase(database: DatabaseSync) {
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  const prepare = (text: string) => {
    let statement = statements.get(text);
    if (!statement) {
      statement = database.prepare(text);
      if (statements.size > 500) statements.clear();
      statements.set(text, statement);
    }
    return statement;
  };
  return {
    close: () => database.close(),
    prepare(text: string) {
      const statement = prepare(text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...(parameters as never[])) as unknown[],
        run: (parameters: readonly unknown[]) => statement.run(...(parameters as never[])),
        iterate: (parameters: readonly unknown[]) =>
          statement.iterate(...(parameters as never[])) as IterableIterator<unknown>,
      };
    },
  };
}

/**
 * Open PostgreSQL 15 or later by URL; a pool of `poolSize` connections and one that listens.
 * @throws when the server can't be reached
 */
export async function openPostgresql(url: string, poolSize = 10): Promise<Catalog> {
  const { default: pg } = await import('pg');
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  pool.on('error', () => {}); // an idle connection died; the next query opens another
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  await sql`select 1`.execute(db);
  const wake = localWakeUp();
  const listener = new pg.Client({ connectionString: url });
  await listener.connect();
  listener.on('error', () => {});
  listener.on('notification', (message) => {
    if (message.payload) wake.notify(message.payload);
  });
  await listener.query('listen imageyard');
  return {
    engine: 'postgresql',
    db,
    write: (work) => db.transaction().execute(work),
    wake: {
      notify: (channel) => {
        void pool.query("select pg_notify('imageyard', $1)", [channel]).catch(() => {});
      },
      listen: wake.listen,
    },
    async close() {
      await listener.end().catch(() => {});
      await db.destroy();
    },
  };
}
