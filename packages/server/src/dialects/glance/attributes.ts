import { schemaFaults, writableProperties } from '@imageyard/wire';
import type { TSchema } from 'typebox';
import { GlanceError } from './errors.ts';

const schemas = new Map<string, TSchema>(Object.entries(writableProperties));
const MAX_GB = 2147483647;
const LONGEST_NAME = 255;
const LONGEST_VALUE = 65535;

/**
 * Check one attribute's value against the published schema.
 * @throws {GlanceError} 400 with the attribute and the reason
 */
export function checkAttribute(name: string, value: unknown): void {
  if (name === '') throw mismatch('the name of a property must not be empty');
  const schema = schemas.get(name);
  if (!schema) return checkProperty(name, value);
  const [fault] = schemaFaults(schema, value);
  if (fault) throw mismatch(`${name} ${fault.message}${shown(value)}`);
  if (name === 'min_disk' || name === 'min_ram') checkAmount(name, value as number);
}

function checkAmount(name: string, value: number): void {
  if (value < 0)
    throw new GlanceError(
      400,
      `Invalid value '${value}' for parameter '${name}': Cannot be a negative value`,
    );
  if (value > MAX_GB) throw new GlanceError(400, `'${name}' value out of range, must not exceed ${MAX_GB}.`);
}

function checkProperty(name: string, value: unknown): void {
  if ([...name].length > LONGEST_NAME)
    throw new GlanceError(400, 'Custom property should not be greater than 255 characters.');
  if (typeof value !== 'string') throw mismatch(`${name} must be string${shown(value)}`);
  if (value.length > LONGEST_VALUE)
    throw mismatch(`${name} must not have more than ${LONGEST_VALUE} characters`);
}

function mismatch(reason: string): GlanceError {
  return new GlanceError(400, `Provided object does not match schema 'image': ${reason}`);
}

/** A scalar as it was sent, cut short; of anything nested only what it is. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return `; got ${Array.isArray(value) ? 'a list' : 'an object'}`;
  const text = JSON.stringify(value);
  return `; got ${text.length > 60 ? `${text.slice(0, 59)}…` : text}`;
}
