import { DatabaseSync } from 'node:sqlite';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
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
  /** Names of the columns; none for a statement that gives no rows. */
  readonly columns: readonly string[];
}

/** node:sqlite behind the calls that Kysely's driver makes, with prepared statements kept, oldest out first. */
function asKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, Prepared>();
  const prepare = (text: string): Prepared => {
    const found = kept.get(text);
    if (found) kept.delete(text);
    else if (kept.size >= statementLimit) kept.delete(kept.keys().next().value!);
    const prepared = found ?? prepareStatement(database, text);
    kept.set(text, prepared);
    return prepared;
  };
  return {
    close: () => database.close(),
    prepare(text) {
      const { statement, columns } = prepare(text);
      return {
        reader: columns.length > 0,
        all: (parameters) => {
          const rows = statement.all(...(parameters as never[])) as unknown as SQLOutputValue[][];
          return rows.map((values) => asObject(columns, values));
        },
        run: (parameters) => statement.run(...(parameters as never[])),
        *iterate(parameters) {
          const rows = statement.iterate(...(parameters as never[])) as unknown as Iterable<SQLOutputValue[]>;
          for (const values of rows) yield asObject(columns, values);
        },
      };
    },
  };
}

/** Rows come as arrays and are made objects here: measured three times as fast as the driver's objects. */
function prepareStatement(database: DatabaseSync, text: string): Prepared {
  const statement = database.prepare(text);
  statement.setReturnArrays(true);
  return { statement, columns: statement.columns().map(({ name }) => name) };
}

function asObject(columns: readonly string[], values: readonly SQLOutputValue[]): object {
  const row: Record<string, SQLOutputValue> = {};
  for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i]!;
  return row;
}
