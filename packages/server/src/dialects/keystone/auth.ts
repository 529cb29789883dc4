import { DomainError } from '@imageyard/core';
import { keystone } from '@imageyard/wire';
import { parseAuth } from './auth-request.ts';
import { jsonObject } from './body.ts';
import { catalog } from './catalog.ts';
import { KeystoneError } from './errors.ts';
import { linkTo, listOf } from './links.ts';
import { filter, noContent, unstored } from './route.ts';
import type { Call, Route } from './route.ts';
import { domainView, projectView, tokenView } from './views.ts';

/** Logging in, and what a credential may learn about itself. */
export const authRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/auth/tokens',
    summary: 'Log in: make a token; it is in the header X-Subject-Token.',
    open: true,
    body: keystone.authRequest,
    run: login,
  },
  {
    method: 'GET',
    path: '/auth/tokens',
    summary: 'Show the token in X-Subject-Token.',
    async run(call) {
      const subject = subjectToken(call);
      const details = await call.identity.inspectToken(call.actor, subject);
      unstored(call.reply).header('x-subject-token', subject);
      return tokenView(details, wantedCatalog(call));
    },
  },
  {
    method: 'DELETE',
    path: '/auth/tokens',
    summary: 'Revoke the token in X-Subject-Token.',
    async run(call) {
      await call.identity.revokeToken(call.actor, subjectToken(call));
      call.request.log.info(
        { event: 'token-revoked', audit: call.actor.auditId, user: call.actor.userId },
        'audit',
      );
      return noContent(call.reply);
    },
  },
  {
    method: 'GET',
    path: '/auth/projects',
    summary: 'List the enabled projects in which the caller has a role.',
    async run({ tree, request, identity, actor }) {
      const projects = await identity.projects.listOfUser(actor, actor.userId);
      return listOf(
        tree,
        request,
        'projects',
        projects.map((project) => projectView(tree, request, project)),
      );
    },
  },
  {
    method: 'GET',
    path: '/auth/domains',
    summary: "Show the caller's own domain.",
    async run({ tree, request, identity, actor, query }) {
      const own = await identity.domains.own(actor);
      const name = filter(query, 'name');
      const shown = name === undefined || name.toLowerCase() === own.name.toLowerCase() ? [own] : [];
      return listOf(
        tree,
        request,
        'domains',
        shown.map((domain) => domainView(tree, request, domain)),
      );
    },
  },
  {
    method: 'GET',
    path: '/auth/catalog',
    summary: 'List the services and their endpoints.',
    run: async ({ tree, request }) => ({
      catalog: catalog(tree, request),
      links: { self: linkTo(tree, request, '/auth/catalog') },
    }),
  },
  {
    method: 'GET',
    path: '/auth/system',
    summary: 'Say whether the caller is an administrator.',
    run: async ({ tree, request, actor }) => ({
      system: actor.isAdmin ? [{ all: true }] : [],
      links: { self: linkTo(tree, request, '/auth/system') },
    }),
  },
];

async function login(call: Call): Promise<unknown> {
  const { request, reply, identity } = call;
  const wanted = parseAuth(await jsonObject(request, reply));
  try {
    const { token, details } = await identity.login(wanted);
    const scope =
      details.scope.kind === 'unscoped' ? 'unscoped' : `${details.scope.kind} ${details.scope.id}`;
    const facts = { audit: details.auditIds[0], user: details.user.id, scope, remote: request.ip };
    request.log.info({ event: 'login', outcome: 'success', ...facts }, 'audit');
    unstored(reply).code(201).header('x-subject-token', token);
    return tokenView(details, wantedCatalog(call));
  } catch (error) {
    // The log has the true reason; the answer is the same for all.
    if (error instanceof DomainError)
      request.log.info(
        {
          event: 'login',
          outcome: 'refused',
          kind: error.kind,
          reason: error.facts['reason'],
          user: error.facts['userId'],
          remote: request.ip,
        },
        'audit',
      );
    throw error;
  }
}

/** The mere presence of `nocatalog` counts. */
function wantedCatalog({ tree, request, query }: Call) {
  return 'nocatalog' in query ? undefined : catalog(tree, request);
}

function subjectToken({ request }: Call): string {
  const subject = request.headers['x-subject-token'];
  if (typeof subject !== 'string' || subject === '') throw new KeystoneError(404, 'No token in the request');
  return subject;
}
