import { createRequire } from 'node:module';
import type { TSchema } from 'typebox';

/** One way in which a value is not what a schema says. */
export interface SchemaFault {
  readonly message: string;
  /** JSON pointer into the value. */
  readonly instancePath: string;
  readonly params: unknown;
}

type Errors = (schema: TSchema, value: unknown) => readonly SchemaFault[];
let errors: Errors | undefined;

/**
 * What is wrong with `value`; empty when nothing is. The validator is some hundred small modules, so
 * it is loaded at the first value that is checked, not at every start.
 */
export function schemaFaults(schema: TSchema, value: unknown): readonly SchemaFault[] {
  errors ??= (createRequire(import.meta.url)('typebox/value') as { Errors: Errors }).Errors;
  return errors(schema, value);
}
