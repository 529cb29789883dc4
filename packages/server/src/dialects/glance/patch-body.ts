import { checkWritable } from '@imageyard/core';
import type { ImageChange } from '@imageyard/core';
import { checkAttribute } from './attributes.ts';
import { GlanceError } from './errors.ts';

const mediaType = /^application\/(?:openstack-images-v2\.(?<minor>[01])-json-patch|json)$/;
const verbs = ['add', 'remove', 'replace'] as const;

/**
 * Which form of PATCH a content type announces.
 * @throws {GlanceError} 415 with `Accept-Patch`
 */
export function patchForm(contentType: string | undefined): 'v2.0' | 'v2.1' {
  const type = (contentType ?? 'application/json').split(';', 1)[0]!.trim().toLowerCase();
  const match = mediaType.exec(type);
  if (!match)
    throw new GlanceError(415, `The request media type ${type} is not supported by this server.`, {
      'accept-patch':
        'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
    });
  return match.groups?.['minor'] === '0' ? 'v2.0' : 'v2.1';
}

/** @throws {GlanceError} 400, 403 in Glance's words; nothing of the request is applied then */
export function parsePatch(body: unknown, form: 'v2.0' | 'v2.1'): ImageChange[] {
  if (!Array.isArray(body))
    throw new GlanceError(400, 'Request body must be a JSON array of operation objects.');
  return body.map((item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw new GlanceError(400, 'Operations must be JSON objects.');
    const fields = item as Record<string, unknown>;
    const { op, path } = form === 'v2.0' ? oldOperation(fields) : newOperation(fields);
    if (op !== 'remove' && !Object.hasOwn(fields, 'value'))
      throw new GlanceError(400, `Operation "${op}" requires a member named "value".`);
    const name = parsePointer(path);
    refuseLocations(op, name);
    checkWritable(name, 'update');
    if (op === 'remove') return { op, name };
    checkAttribute(name, fields['value']);
    // The old form's `add` of a present name is a conflict, the new one's a replacement.
    return { op: form === 'v2.0' && op === 'add' ? 'insert' : op, name, value: fields['value'] };
  });
}

function newOperation(fields: Record<string, unknown>) {
  const list = 'It must be one of the following: add, remove, replace.';
  if (!Object.hasOwn(fields, 'op'))
    throw new GlanceError(400, `Unable to find \`op\` in JSON Schema change. ${list}`);
  const op = verbs.find((verb) => verb === fields['op']);
  if (!op) throw new GlanceError(400, `Invalid operation: \`${String(fields['op'])}\`. ${list}`);
  if (!Object.hasOwn(fields, 'path'))
    throw new GlanceError(400, "Unable to find 'path' in JSON Schema change");
  return { op, path: fields['path'] };
}

function oldOperation(fields: Record<string, unknown>) {
  const named = verbs.filter((verb) => Object.hasOwn(fields, verb));
  const op = named[0];
  const list = 'member named "add", "remove", or "replace".';
  if (!op) throw new GlanceError(400, `Operation objects must contain exactly one ${list}`);
  if (named.length > 1) throw new GlanceError(400, `Operation objects must contain only one ${list}`);
  return { op, path: fields[op] };
}

/** The name that a one-level JSON pointer names. `~1` is decoded before `~0`. */
function parsePointer(pointer: unknown): string {
  if (typeof pointer !== 'string' || !pointer.startsWith('/'))
    throw new GlanceError(400, `Pointer \`${String(pointer)}\` does not start with "/".`);
  if (/~(?![01])/.test(pointer))
    throw new GlanceError(
      400,
      `Pointer \`${pointer}\` contains "~" not part of a recognized escape sequence.`,
    );
  if (pointer !== '/' && pointer.endsWith('/'))
    throw new GlanceError(400, `Pointer \`${pointer}\` end with "/".`);
  const name = pointer.slice(1);
  if (name === '' || (name.includes('/') && !name.startsWith('locations/')))
    throw new GlanceError(400, `Invalid JSON pointer for this resource: '${pointer}'`);
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Locations are never shown, so nobody may change them. */
function refuseLocations(op: (typeof verbs)[number], name: string): void {
  if (name !== 'locations' && !name.startsWith('locations/')) return;
  const verb = op === 'replace' ? 'update' : op;
  throw new GlanceError(403, `It's not allowed to ${verb} locations if locations are invisible.`);
}
