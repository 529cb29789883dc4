import { sql } from 'kysely';
import type { Kysely, Transaction, RawBuilder } from 'kysely';
import type { Engine } from './database.ts';

/** Column spellings that differ by engine; migrations use these and nothing else. */
export interface ColumnTypes {
  readonly engine: Engine;
  /** Milliseconds since 1970, UTC. */
  readonly time: RawBuilder<unknown>;
  /** Whole numbers below 2^53: bytes, counters. */
  readonly integer: RawBuilder<unknown>;
  /** 0 or 1 on both engines. */
  readonly flag: RawBuilder<unknown>;
  /** JSON text, stored and returned whole, never filtered on. */
  readonly json: RawBuilder<unknown>;
  /** Text in byte order. */
  readonly text: RawBuilder<unknown>;
}

export function columnTypes(engine: Engine): ColumnTypes {
  const pg = engine === 'postgresql';
  return {
    engine,
    time: pg ? sql`bigint` : sql`integer`,
    integer: pg ? sql`bigint` : sql`integer`,
    flag: pg ? sql`smallint` : sql`integer`,
    json: sql`text`,
    text: pg ? sql`text collate "C"` : sql`text`,
  };
}

export type AnyDatabase = Kysely<any> | Transaction<any>; // eslint-disable-line -- migrations run on past schemas

export interface MigrationStep {
  readonly name: string;
  up(db: AnyDatabase, types: ColumnTypes): Promise<void>;
}
