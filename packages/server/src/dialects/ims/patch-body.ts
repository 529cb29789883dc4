import type { ImageChange } from '@imageyard/core';
import { ImsError } from './errors.ts';

const namePattern = /^(?! )[A-Za-z0-9._\- ]{1,128}(?<! )$/;
const amounts = new Set(['min_ram', 'min_disk']);

/**
 * The body of `PATCH /v2/cloudimages/{image_id}`: an array of operations, numbers as numbers or texts.
 * Which attributes may change, and what must be there before, is the image room's to say.
 * @throws {ImsError} IMG.0001, and a field's own code
 */
export function parseImsPatch(body: object): ImageChange[] {
  if (!Array.isArray(body)) throw new ImsError('IMG.0001', 'The body must be an array of operations.');
  return body.map((item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw new ImsError('IMG.0001', 'An operation must be an object with op, path and value.');
    const { op, path, value } = item as { op?: unknown; path?: unknown; value?: unknown };
    if (op !== 'add' && op !== 'replace' && op !== 'remove')
      throw new ImsError('IMG.0001', 'op must be add, replace or remove.');
    const name = attributeName(path);
    if (op === 'remove') return { op, name };
    if (value === undefined) throw new ImsError('IMG.0001', `Operation "${op}" of ${name} needs a value.`);
    return { op, name, value: checkedValue(name, value) };
  });
}

function attributeName(path: unknown): string {
  if (typeof path !== 'string' || !/^\/[^/]+$/.test(path) || /~(?![01])/.test(path))
    throw new ImsError('IMG.0001', 'path must be "/" and the name of one attribute.');
  return path.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
}

function checkedValue(name: string, value: unknown): unknown {
  if (name === 'name') return checkedName(value);
  if (name === '__description') return checkedDescription(value);
  if (name === 'hw_firmware_type' && value !== 'bios' && value !== 'uefi') throw new ImsError('IMG.0141');
  if (amounts.has(name) || name === 'max_ram') {
    const amount = checkedAmount(name, value);
    return name === 'max_ram' ? String(amount) : amount;
  }
  if (name === 'tags' || name === 'protected') return value;
  if (typeof value === 'object') throw new ImsError('IMG.0001', `The value of ${name} must be a text.`);
  return String(value); // extension and `__*` attributes are texts, whatever was sent
}

function checkedName(value: unknown): string {
  if (typeof value !== 'string') throw new ImsError('IMG.0003');
  if ([...value].length > 128) throw new ImsError('IMG.0002');
  if (!namePattern.test(value)) throw new ImsError('IMG.0003');
  return value;
}

function checkedDescription(value: unknown): string {
  if (typeof value !== 'string' || /[\r\n<>]/.test(value)) throw new ImsError('IMG.0054');
  if ([...value].length > 1024) throw new ImsError('IMG.0004');
  return value;
}

/** MB or GB: a whole number, or its text. */
function checkedAmount(name: string, value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 2147483647)
    return number;
  throw new ImsError('IMG.0055', `${name} must be a whole number.`);
}
