import { endpoints, services } from './catalog.ts';
import type { Service } from './catalog.ts';
import { DomainError } from '@imageyard/core';
import { listOf, selfLink } from './links.ts';
import { filter } from './route.ts';
import type { Call, Route } from './route.ts';

/** The catalogue as records. It is built in: there is nothing to write. */
export const serviceRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/regions',
    summary: 'List the regions: there is one.',
    run: async (call) => listOf(call.tree, call.request, 'regions', [regionView(call)]),
  },
  {
    method: 'GET',
    path: '/regions/:region_id',
    summary: 'Show a region.',
    async run(call) {
      const id = call.params['region_id']!;
      if (id !== call.tree.region) throw unknown('region', id);
      return { region: regionView(call) };
    },
  },
  {
    method: 'GET',
    path: '/services',
    summary: 'List services.',
    async run(call) {
      requireAdmin(call, 'list_services');
      const [type, name] = [filter(call.query, 'type'), filter(call.query, 'name')];
      const shown = services(call.tree, call.request)
        .filter(
          (service) => (type ?? service.type) === service.type && (name ?? service.name) === service.name,
        )
        .map((service) => serviceView(call, service));
      return listOf(call.tree, call.request, 'services', shown);
    },
  },
  {
    method: 'GET',
    path: '/services/:service_id',
    summary: 'Show a service.',
    async run(call) {
      requireAdmin(call, 'get_service');
      const id = call.params['service_id']!;
      const service = services(call.tree, call.request).find((each) => each.id === id);
      if (!service) throw unknown('service', id);
      return { service: serviceView(call, service) };
    },
  },
  {
    method: 'GET',
    path: '/endpoints',
    summary: 'List endpoints.',
    async run(call) {
      requireAdmin(call, 'list_endpoints');
      const [side, service, region] = ['interface', 'service_id', 'region_id'].map((n) =>
        filter(call.query, n),
      );
      const shown = endpointViews(call).filter(
        (endpoint) =>
          (side ?? endpoint.interface) === endpoint.interface &&
          (service ?? endpoint.service_id) === endpoint.service_id &&
          (region ?? endpoint.region_id) === endpoint.region_id,
      );
      return listOf(call.tree, call.request, 'endpoints', shown);
    },
  },
  {
    method: 'GET',
    path: '/endpoints/:endpoint_id',
    summary: 'Show an endpoint.',
    async run(call) {
      requireAdmin(call, 'get_endpoint');
      const id = call.params['endpoint_id']!;
      const endpoint = endpointViews(call).find((each) => each.id === id);
      if (!endpoint) throw unknown('endpoint', id);
      return { endpoint };
    },
  },
];

function requireAdmin({ actor }: Call, rule: string): void {
  if (!actor.isAdmin) throw new DomainError('not-authorized', `only administrators may ${rule}`, { rule });
}

function unknown(resource: string, id: string): DomainError {
  return new DomainError('identity-not-found', `there is no ${resource} ${id}`, { resource, id });
}

/** `type` and `locales` are what Huawei's SDK looks for. */
function regionView({ tree, request }: Call): Record<string, unknown> {
  return {
    id: tree.region,
    description: '',
    parent_region_id: null,
    type: 'public',
    locales: { 'en-us': tree.region },
    links: selfLink(tree, request, `/regions/${tree.region}`),
  };
}

function serviceView({ tree, request }: Call, { id, type, name }: Service): Record<string, unknown> {
  return {
    id,
    type,
    name,
    description: '',
    enabled: true,
    links: selfLink(tree, request, `/services/${id}`),
  };
}

function endpointViews({ tree, request }: Call) {
  return services(tree, request).flatMap((service) =>
    endpoints(tree, service).map((endpoint) => ({
      ...endpoint,
      service_id: service.id,
      enabled: true,
      links: selfLink(tree, request, `/endpoints/${endpoint.id}`),
    })),
  );
}
