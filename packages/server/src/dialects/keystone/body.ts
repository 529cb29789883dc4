import { schemaFaults } from '@imageyard/wire';
import type { Static, TSchema } from 'typebox';
import type { FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import { wholeBody } from '../../http/body.ts';
import { KeystoneError, expecting } from './errors.ts';

/** Keystone's own limit. */
export const bodyLimitBytes = 114_688;
/** No identity body nests deeper than ten. */
const mostDepth = 40;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body as a JSON object; the content type is not looked at. @throws {KeystoneError} 400 */
export async function jsonObject(request: FastifyRequest, reply: FastifyReply): Promise<JsonObject> {
  const bytes = await wholeBody(request, reply, bodyLimitBytes);
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (depthOf(text) <= mostDepth) value = JSON.parse(text);
  } catch {
    // said below, without the body: it may hold a password
  }
  if (!isObject(value)) throw expecting('valid JSON', 'request body');
  return value;
}

/** Deepest nesting of brackets outside of strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{' || c === '[') deepest = Math.max(deepest, ++depth);
    else if (c === '}' || c === ']') depth--;
  }
  return deepest;
}

/**
 * The object inside the envelope `name`, of the shape that `schema` says.
 * @throws {KeystoneError} 400, naming the first field that is wrong, never its value
 */
export async function envelope<S extends TSchema>(
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  schema: S,
): Promise<Static<S> & JsonObject> {
  const body = await jsonObject(request, reply);
  if (body[name] === undefined) throw expecting(name, 'request body');
  return shaped(body[name], schema);
}

/** The value itself, if it is of this shape. @throws {KeystoneError} 400 */
export function shaped<S extends TSchema>(value: unknown, schema: S): Static<S> & JsonObject {
  const [first] = schemaFaults(schema, value);
  if (!first) return value as Static<S> & JsonObject;
  const missing = (first.params as { requiredProperties?: string[] }).requiredProperties?.[0];
  if (missing !== undefined) throw new KeystoneError(400, `'${missing}' is a required property`);
  const field = first.instancePath.slice(1);
  throw new KeystoneError(400, `Invalid input for field '${field}': it ${first.message}.`);
}

/** Attributes that `schema` does not know, to be kept and shown again. */
export function extrasOf(
  value: JsonObject,
  schema: { readonly properties: object },
  ours: readonly string[],
): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter(
      ([key]) => !Object.hasOwn(schema.properties, key) && !ours.includes(key) && key !== '__proto__',
    ),
  );
}
