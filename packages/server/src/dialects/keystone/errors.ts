import { DomainError } from '@imageyard/core';
import type { DomainErrorKind } from '@imageyard/core';
import { challenge, credentialText, gatewayAnswer, isCredentialKind } from '../../errors/gateway.ts';
import { HttpFault } from '../../http/faults.ts';
import type { FastifyRequest } from '../../http/fastify.ts';
import type { WireAnswer } from '../../http/server.ts';
import { hostUrl } from './links.ts';

/** A rule of the identity request itself is broken; `core` is not asked. The text is Keystone's own. */
export class KeystoneError extends Error {
  override readonly name = 'KeystoneError';
  readonly status: number;
  /** Further members of `error`. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(status: number, message: string, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.members = members;
  }
}

const malformedTail =
  ' The server could not comply with the request since it is either malformed or otherwise incorrect. ' +
  'The client is assumed to be in error.';

/** 400 with the sentence that Keystone adds to such messages. */
export function expecting(what: string, where: string): KeystoneError {
  return new KeystoneError(400, `Expecting to find ${what} in ${where}.${malformedTail}`);
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** One text for whatever is wrong with credentials: nobody learns what exists. */
const unauthorized = 'The request you have made requires authentication.';

type Facts = Readonly<Record<string, unknown>>;
type Row = readonly [status: number, text: (facts: Facts, message: string) => string];

const asItIs = (_facts: Facts, message: string): string => `${message[0]?.toUpperCase()}${message.slice(1)}.`;

/** What a kind is called here. Kinds that are not in the table can't reach identity calls. */
const table = {
  'credentials-missing': [401, () => unauthorized],
  'credentials-wrong': [401, () => unauthorized],
  'token-unknown': [401, () => unauthorized],
  'token-expired': [401, () => unauthorized],
  'login-busy': [503, asItIs],
  'password-unfit': [400, ({ rule }) => `The password does not match the requirements: ${String(rule)}.`],
  'not-authorized': [403, forbidden],
  'identity-not-found': [404, notFound],
  'identity-conflict': [409, conflict],
  'identity-protected': [403, asItIs],
  'quota-exceeded': [
    403,
    ({ limit }) =>
      `Unable to create additional credentials, maximum of ${String(limit)} already exceeded for user.`,
  ],
  'value-invalid': [400, ({ field }, message) => `Invalid input for field '${String(field)}': ${message}.`],
} as const satisfies Partial<Record<DomainErrorKind, Row>>;

function forbidden({ rule, action }: Facts): string {
  const named = rule ?? action;
  return named === undefined
    ? 'You are not authorized to perform the requested action.'
    : `You are not authorized to perform the requested action: identity:${String(named)}.`;
}

function notFound({ resource, id, roleId, userId, scopeId }: Facts): string {
  if (resource === 'token') return 'Failed to validate token';
  if (resource === 'grant')
    return (
      `Could not find role assignment with role: ${String(roleId)}, user or group: ${String(userId)}, ` +
      `project, domain, or system: ${String(scopeId)}.`
    );
  return `Could not find ${String(resource)}: ${String(id)}.`;
}

function conflict({ reason, resource, name, id, domainId, use }: Facts): string {
  const head = `Conflict occurred attempting to store ${String(resource)} - `;
  if (reason === 'in-use')
    return `Conflict occurred attempting to delete ${String(resource)} - it still has ${String(use)}.`;
  if (resource === 'project')
    return (
      `${head}it is not permitted to have two projects with either the same name or same id in the same domain: ` +
      `name is ${String(name)}, project id ${String(id)}.`
    );
  const where = domainId === undefined ? '' : ` at domain ID ${String(domainId)}`;
  return `${head}Duplicate entry found with name ${String(name)}${where}.`;
}

/** An error as the identity API words it. Failed signatures have the gateway's shape: clients parse it. */
export function keystoneAnswer(
  error: unknown,
  request: FastifyRequest,
  publicUrl: string | undefined,
): WireAnswer {
  if (error instanceof KeystoneError)
    return body(request, publicUrl, error.status, error.message, error.members);
  if (error instanceof HttpFault) return faultAnswer(error, request, publicUrl);
  if (error instanceof DomainError) {
    const row = (table as Partial<Record<DomainErrorKind, Row>>)[error.kind];
    if (error.kind === 'quota-exceeded' && error.facts['origin'] === 'credential')
      return body(request, publicUrl, 400, 'akSkNumExceed'); // OTC's word; its clients know it
    if (row) {
      const [status, text] = row;
      return body(request, publicUrl, status, text(error.facts, error.message));
    }
    if (isCredentialKind(error.kind)) {
      const headers = { ...common, ...challenge(`${hostUrl(request, publicUrl)}/v3`) };
      return gatewayAnswer(401, 'APIGW.0301', credentialText(error.kind, error.facts), request.id, headers);
    }
  }
  request.log.error({ err: error }, 'unexpected error');
  return body(
    request,
    publicUrl,
    500,
    'An unexpected error prevented the server from fulfilling your request.',
  );
}

const common = { vary: 'X-Auth-Token' } as const;

function faultAnswer(fault: HttpFault, request: FastifyRequest, publicUrl: string | undefined): WireAnswer {
  if (fault.kind === 'method-not-allowed')
    return {
      status: 405,
      headers: { 'content-type': 'application/json', ...common, ...fault.headers },
      body: JSON.stringify({ message: 'The method is not allowed for the requested URL.' }),
    };
  const answer = body(request, publicUrl, fault.status, fault.message);
  return { ...answer, headers: { ...answer.headers, ...fault.headers } };
}

function body(
  request: FastifyRequest,
  publicUrl: string | undefined,
  status: number,
  message: string,
  members: Facts = {},
): WireAnswer {
  const title = titles[status] ?? 'Bad Request';
  return {
    status,
    headers: {
      'content-type': 'application/json',
      ...common,
      ...(status === 401 ? challenge(`${hostUrl(request, publicUrl)}/v3`) : {}),
      ...(status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: JSON.stringify({ error: { code: status, message, title, ...members } }),
  };
}
