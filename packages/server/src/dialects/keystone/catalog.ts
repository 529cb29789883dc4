import { createHash } from 'node:crypto';
import type { keystone } from '@imageyard/wire';
import type { FastifyRequest } from '../../http/fastify.ts';
import type { KeystoneDeps } from './deps.ts';
import { hostUrl } from './links.ts';

export interface Service {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly url: string;
}

const interfaces = ['public', 'internal', 'admin'] as const;

/** The same ids on every start, for clients that keep them. */
function idOf(...parts: string[]): string {
  return createHash('sha256')
    .update(['imageyard', ...parts].join(' '))
    .digest('hex')
    .slice(0, 32);
}

/**
 * What this installation offers, with URLs as this client can reach them. No `object-store`: that
 * type promises Swift. No version and no trailing slash on the image URL: clients add their own.
 */
export function services(deps: KeystoneDeps, request: FastifyRequest): Service[] {
  const host = hostUrl(request, deps.publicUrl);
  const buckets = deps.bucketUrl(request);
  const all: [type: string, name: string, url: string][] = [
    ['identity', 'keystone', `${host}/v3`],
    ['image', 'glance', host],
    ['ims', 'ims', host],
  ];
  if (buckets !== undefined) all.push(['object', 'obs', buckets], ['s3', 's3', buckets]);
  return all.map(([type, name, url]) => ({ id: idOf('service', type), type, name, url }));
}

/** Go clients compare `region` or `region_id`; both are the one real region. */
export function endpoints(deps: KeystoneDeps, service: Service): keystone.WireEndpoint[] {
  return interfaces.map((side) => ({
    id: idOf('endpoint', service.type, side, deps.region),
    interface: side,
    region_id: deps.region,
    url: service.url,
    region: deps.region,
  }));
}

export function catalog(deps: KeystoneDeps, request: FastifyRequest): keystone.WireCatalogEntry[] {
  return services(deps, request).map((service) => ({
    endpoints: endpoints(deps, service),
    id: service.id,
    type: service.type,
    name: service.name,
  }));
}
