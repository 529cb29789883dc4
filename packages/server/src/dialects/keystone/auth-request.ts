import type { LoginProof, LoginRequest, ScopeRequest } from '@imageyard/core';
import { KeystoneError, expecting } from './errors.ts';
import { isObject } from './body.ts';
import type { JsonObject } from './body.ts';

const supported = ['password', 'token'] as const;

/**
 * The body of `POST /v3/auth/tokens`, read by hand since clients print these texts.
 * @throws {KeystoneError} 400 for what is missing, 401 for what proves nothing; no value is echoed
 */
export function parseAuth(body: JsonObject): LoginRequest {
  if (body['auth'] === undefined) throw expecting('auth', 'request body');
  const auth = object(body['auth'], 'auth');
  const identity = object(required(auth, 'identity'), 'identity');
  const methods = required(identity, 'methods');
  if (!Array.isArray(methods) || !methods.every((method) => typeof method === 'string'))
    throw invalid('identity/methods', 'an array of strings');
  if (methods.length === 0) throw proofless();
  return {
    proofs: [...new Set(methods)].map((method) => parseProof(method, identity)),
    scope: parseScope(auth['scope']),
  };
}

function parseProof(method: string, identity: JsonObject): LoginProof {
  if (method !== 'password' && method !== 'token')
    throw new KeystoneError(401, 'Attempted to authenticate with an unsupported method.', {
      identity: { methods: supported },
    });
  if (identity[method] === undefined) throw expecting(method, 'identity');
  const proof = object(identity[method], `identity/${method}`);
  if (method === 'token') return { method, token: text(required(proof, 'id'), 'identity/token/id') };
  const field = 'identity/password/user';
  const user = object(required(proof, 'user'), field);
  const password = user['password'];
  if (password === undefined || password === null) throw proofless();
  return { method, user: parseUser(user, field), password: text(password, `${field}/password`) };
}

/** A domain beside an id is ignored, even a wrong one: clients send it. */
function parseUser(user: JsonObject, field: string): (LoginProof & { method: 'password' })['user'] {
  if (user['id'] !== undefined) return { id: text(user['id'], `${field}/id`) };
  if (user['name'] === undefined)
    throw new KeystoneError(400, `Invalid input for field ${field}: id or name must be present.`);
  const name = text(user['name'], `${field}/name`);
  const domain = parseDomain(user['domain'], `${field}/domain`);
  if (!domain) throw expecting('domain', 'user');
  return { name, domain };
}

function parseDomain(value: unknown, field: string): { id: string } | { name: string } | undefined {
  if (value === undefined || value === null) return undefined;
  const domain = object(value, field);
  if (domain['id'] !== undefined) return { id: text(domain['id'], `${field}/id`) };
  if (domain['name'] !== undefined) return { name: text(domain['name'], `${field}/name`) };
  return undefined;
}

/** The project wins where there is a domain beside it. */
function parseScope(scope: unknown): ScopeRequest {
  if (scope === undefined) return { kind: 'default' };
  if (scope === 'unscoped') return { kind: 'unscoped' };
  if (isObject(scope)) {
    if (scope['project'] !== undefined) return { kind: 'project', project: parseProject(scope['project']) };
    if (scope['domain'] !== undefined) {
      const domain = parseDomain(scope['domain'], 'scope/domain');
      if (domain) return { kind: 'domain', domain };
      throw new KeystoneError(400, 'Invalid input for field scope/domain: id or name must be present.');
    }
    if (scope['system'] !== undefined) return { kind: 'system' };
    if (scope['unscoped'] !== undefined) return { kind: 'unscoped' };
  }
  throw expecting('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
}

function parseProject(value: unknown): (ScopeRequest & { kind: 'project' })['project'] {
  const project = object(value, 'scope/project');
  if (project['id'] !== undefined) return { id: text(project['id'], 'scope/project/id') };
  if (project['name'] === undefined)
    throw new KeystoneError(400, 'Invalid input for field scope/project: id or name must be present.');
  const name = text(project['name'], 'scope/project/name');
  const domain = parseDomain(project['domain'], 'scope/project/domain');
  return domain ? { name, domain } : { name };
}

function required(value: JsonObject, name: string): unknown {
  if (value[name] === undefined) throw new KeystoneError(400, `'${name}' is a required property`);
  return value[name];
}

function object(value: unknown, field: string): JsonObject {
  if (!isObject(value)) throw invalid(field, 'an object');
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalid(field, 'a string');
  return value;
}

function invalid(field: string, kind: string): KeystoneError {
  return new KeystoneError(400, `Invalid input for field '${field}': it must be ${kind}.`);
}

/** Without a password or a method nothing can be proved: the plain 401. */
function proofless(): KeystoneError {
  return new KeystoneError(401, 'The request you have made requires authentication.');
}
