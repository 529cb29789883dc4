import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { CompiledQuery, Kysely, SqliteDialect, SqliteDriver } from 'kysely';
import type { DatabaseConnection, Driver, SqliteDatabase, SqliteDialectConfig } from 'kysely';
import type { Catalog, Database } from './database.ts';
import type { Tables } from './tables/index.ts';
import { localWakeUp } from './wake.ts';

/** How long a statement waits for another process's lock, in milliseconds; it blocks the event loop. */
const lockTimeoutMs = 2000;
/** Prepared statements kept for each connection; list queries come in some hundred shapes. */
const statementLimit = 500;

/**
 * Open the embedded database at `path`, durable at each commit: one connection that writes, and a
 * second, read-only one for `db`, so that a list never waits behind a transaction. In `:memory:`
 * both are the same. Migrations are run by `migrate` (migrations/index.ts).
 */
export function openSqlite(path: string): Catalog {
  const writer = connect(path, false);
  writer.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
  const schema = asKysely(writer);
  const reader = path === ':memory:' ? writer : connect(path, true);
  const db = reader === writer ? schema : asKysely(reader);
  return {
    engine: 'sqlite',
    db,
    schema,
    // Kysely hands the one connection to one caller at a time; a transaction keeps it until its end.
    write: (work) => schema.transaction().execute(work),
    wake: localWakeUp(),
    async close() {
      // Kysely closes only what it has used.
      for (const kysely of [db, schema]) await kysely.destroy();
      for (const database of [reader, writer]) if (database.isOpen) database.close();
    },
  };
}

function connect(path: string, readOnly: boolean): DatabaseSync {
  const options = { readOnly, timeout: lockTimeoutMs, enableForeignKeyConstraints: true };
  const database = new DatabaseSync(path, options);
  database.exec('PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;'); // 32 MiB of pages
  return database;
}

function asKysely(database: DatabaseSync): Database {
  return new Kysely<Tables>({ dialect: new EmbeddedDialect(database) });
}

/** Kysely's own SQLite dialect, with our way to begin, to roll back and to close. */
class EmbeddedDialect extends SqliteDialect {
  readonly #createDriver: () => Driver;
  constructor(database: DatabaseSync) {
    const config = { database: asKyselyDatabase(database) };
    super(config);
    this.#createDriver = () => new EmbeddedDriver(database, config);
  }
  override createDriver(): Driver {
    return this.#createDriver();
  }
}

class EmbeddedDriver extends SqliteDriver {
  readonly #database: DatabaseSync;
  constructor(database: DatabaseSync, config: SqliteDialectConfig) {
    super(config);
    this.#database = database;
  }
  /** Take the write lock at once: a transaction that first reads can't upgrade once another has written. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
  /** Some errors (disk full, I/O) have already rolled back; a second one would hide them. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await super.rollbackTransaction(connection);
  }
}

interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

/** node:sqlite behind the calls that Kysely's driver makes, with prepared statements kept, oldest out first. */
function asKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, Prepared>();
  const prepare = (text: string): Prepared => {
    let prepared = kept.get(text);
    if (prepared) {
      kept.delete(text);
    } else {
      const statement = database.prepare(text);
      prepared = { statement, reader: statement.columns().length > 0 };
      if (kept.size >= statementLimit)
        for (const oldest of kept.keys()) {
          kept.delete(oldest);
          break;
        }
    }
    kept.set(text, prepared);
    return prepared;
  };
  return {
    close: () => database.close(),
    prepare(text) {
      const { statement, reader } = prepare(text);
      return {
        reader,
        all: (parameters) => statement.all(...(parameters as never[])),
        run: (parameters) => statement.run(...(parameters as never[])),
        iterate: (parameters) => statement.iterate(...(parameters as never[])),
      };
    },
  };
}
