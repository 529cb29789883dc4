import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables/index.ts';
import type { WakeUp } from './wake.ts';

export { openSqlite } from './sqlite.ts';
export { openPostgresql } from './postgresql.ts';
export type { WakeUp } from './wake.ts';

export type Engine = 'sqlite' | 'postgresql';
export type Database = Kysely<Tables>;
export type Tx = Transaction<Tables>;

/** The catalogue's connections: reads go to `db`, every write through `write`. */
export interface Catalog {
  readonly engine: Engine;
  /** For reading alone: never waits behind a transaction of `write`, and sees all that have committed. */
  readonly db: Database;
  /**
   * One short transaction; serial with all other writers on SQLite, READ COMMITTED on PostgreSQL.
   * Durable when it resolves, undone when `work` throws. Never await anything but the database
   * inside, and change nothing outside: after a deadlock (PostgreSQL) `work` runs once more.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Where the schema is changed: no limit of time. For `migrate` alone. */
  readonly schema: Database;
  /** Ask another process, or this one, to look for work at once; only a hint. */
  readonly wake: WakeUp;
  close(): Promise<void>;
}
