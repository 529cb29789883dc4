import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const wellFormed = /^req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of a request: the caller's own when `X-Openstack-Request-Id` has the form `req-<uuid>`, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-openstack-request-id'];
  return typeof given === 'string' && wellFormed.test(given) ? given : `req-${randomUUID()}`;
}
