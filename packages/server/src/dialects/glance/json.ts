import type { FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import { wholeBody } from '../../http/body.ts';
import { GlanceError } from './errors.ts';

/** JSON bodies of native calls: far more than 128 properties of 64 KiB would be absurd. */
const JSON_LIMIT_BYTES = 1024 * 1024;

/**
 * The body as JSON: an object or an array.
 * @throws {GlanceError} 400 without a body, when it is not JSON, when it is a scalar
 */
export async function jsonBody(request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const bytes = await wholeBody(request, reply, JSON_LIMIT_BYTES);
  if (bytes.length === 0) throw new GlanceError(400, 'Body expected in request.');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new GlanceError(400, 'Malformed JSON in request body.');
  }
  if (typeof value !== 'object' || value === null)
    throw new GlanceError(400, 'Unexpected body type. Expected list/dict.');
  return value;
}
