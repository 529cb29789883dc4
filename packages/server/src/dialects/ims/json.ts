import { wholeBody } from '../../http/body.ts';
import type { FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import { ImsError } from './errors.ts';

const JSON_LIMIT_BYTES = 1024 * 1024;

/**
 * The body as JSON: an object or an array.
 * @throws {ImsError} IMG.0007 without a body, IMG.0001 when it is not JSON or a scalar
 */
export async function jsonBody(request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const bytes = await wholeBody(request, reply, JSON_LIMIT_BYTES);
  if (bytes.length === 0) throw new ImsError('IMG.0007');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ImsError('IMG.0001', 'The body must be JSON in UTF-8.');
  }
  if (typeof value !== 'object' || value === null)
    throw new ImsError('IMG.0001', 'The body must be a JSON object.');
  return value;
}
