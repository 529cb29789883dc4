import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { createIdentity, createPasswords, DomainError, migrate, openSqlite } from '@imageyard/core';
import type { Catalog, FirstStartFacts, Identity } from '@imageyard/core';
import type { FastifyInstance } from 'fastify';
import { acceptAnyBody, streamBody, wholeBody } from '../http/body.ts';
import { createHttpServer } from '../http/server.ts';
import { createAuthenticate } from './authenticate.ts';
import { formatSdkDate, sha256 } from './sdk-hmac.ts';
import { signHeaders } from './testing.ts';

let catalog: Catalog;
let identity: Identity;
let first: FirstStartFacts;
let app: FastifyInstance;
let port: number;
let handled = 0;

before(async () => {
  catalog = openSqlite(':memory:');
  await migrate(catalog);
  const passwords = createPasswords({ cost: { memoryKib: 64, passes: 1, lanes: 1 } });
  identity = createIdentity({ catalog, secretKey: randomBytes(32), passwords });
  first = await identity.bootstrap({ region: 'eu-de', password: 'first password' });
  const authenticate = createAuthenticate({ identity, signedBodyLimitBytes: 300_000 });
  app = createHttpServer({
    trustedProxies: ['127.0.0.1'],
    onFault: (error) => ({ status: 400, headers: {}, body: error.message }),
  });
  acceptAnyBody(app);
  app.decorateRequest('actor', null as never);
  app.addHook('preHandler', async (request, reply) => {
    request.actor = await authenticate(request, reply);
  });
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error instanceof DomainError ? 401 : 500).send({
      kind: (error as DomainError).kind,
      facts: (error as DomainError).facts,
    }),
  );
  app.all('/whole', async (request, reply) => {
    const body = await wholeBody(request, reply, 1_000_000);
    handled++;
    return { project: request.actor.projectId, bytes: body.length };
  });
  app.put('/stream', async (request, reply) => {
    let bytes = 0;
    for await (const chunk of streamBody(request, reply).stream) bytes += (chunk as Buffer).length;
    handled++;
    return { bytes };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = app.server.address() as AddressInfo);
});

after(async () => {
  await app.close();
  await catalog.close();
});

interface Call {
  method?: string;
  url?: string;
  body?: string | Buffer;
  chunked?: boolean;
  headers?: Record<string, string>;
  /** Signed as if these were the headers. */
  signAs?: Record<string, string>;
  date?: string;
  secret?: string;
  access?: string;
  signed?: string;
  signBody?: string | Buffer;
  unsigned?: boolean;
}

async function call(options: Call): Promise<{ status: number; body: Record<string, unknown> }> {
  const { method = 'GET', url = '/whole', body, chunked = false } = options;
  const headers: Record<string, string> = { host: `127.0.0.1:${port}`, ...options.headers };
  if (!options.unsigned) {
    const signed = signHeaders({
      method,
      url,
      headers: { ...headers, ...options.signAs, ...(options.date ? { 'x-sdk-date': options.date } : {}) },
      ...(body === undefined ? {} : { body: options.signBody ?? body }),
      key: { access: options.access ?? first.key!.access, secret: options.secret ?? first.key!.secret },
      ...(options.signed ? { signedHeaders: options.signed } : {}),
    });
    headers['x-sdk-date'] = signed['x-sdk-date']!;
    headers['authorization'] = signed['authorization']!;
  }
  if (body !== undefined && !chunked) headers['content-length'] = String(Buffer.byteLength(body));
  const request = httpRequest({ host: '127.0.0.1', port, method, path: url, headers });
  const answered = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  request.end(body);
  const response = await answered;
  return { status: response.statusCode!, body: JSON.parse(await text(response)) as Record<string, unknown> };
}

async function refused(options: Call, kind: string): Promise<Record<string, unknown>> {
  const before_ = handled;
  const { status, body } = await call(options);
  assert.deepEqual([status, body['kind']], [401, kind]);
  assert.equal(handled, before_);
  return body['facts'] as Record<string, unknown>;
}

test('a signed request without and with a body is let in, in the project of the key', async () => {
  const project = first.project!.id;
  assert.deepEqual(await call({}), { status: 200, body: { project, bytes: 0 } });
  assert.deepEqual(await call({ method: 'POST', body: '{"a":1}' }), {
    status: 200,
    body: { project, bytes: 7 },
  });
  const large = Buffer.alloc(200_000, 'x');
  assert.equal((await call({ method: 'POST', body: large })).body['bytes'], 200_000);
  assert.equal((await call({ method: 'POST', body: large, chunked: true })).body['bytes'], 200_000);
  assert.equal((await call({ method: 'PUT', url: '/stream', body: large })).body['bytes'], 200_000);
});

test('without credentials, with a wrong secret, an unknown key, an unknown algorithm', async () => {
  await refused({ unsigned: true }, 'credentials-missing');
  await refused({ unsigned: true, headers: { authorization: 'Basic eDp5' } }, 'credentials-missing');
  await refused(
    { unsigned: true, headers: { authorization: 'V11-HMAC-SHA256 Credential=a' } },
    'signature-mismatch',
  );
  await refused({ secret: 'wrong' }, 'signature-mismatch');
  assert.equal((await refused({ access: 'AKEXAMPLE' }, 'key-unknown'))['access'], 'AKEXAMPLE');
  await refused({ method: 'POST', body: 'abc', signBody: 'abd' }, 'signature-mismatch');
  await refused({ signed: 'host' }, 'signature-mismatch'); // X-Sdk-Date is not signed
});

test('a signature holds for 15 minutes, in both directions', async () => {
  for (const minutes of [-14, 14])
    assert.equal((await call({ date: formatSdkDate(Date.now() + minutes * 60_000) })).status, 200);
  for (const minutes of [-16, 16]) {
    const date = formatSdkDate(Date.now() + minutes * 60_000);
    const facts = await refused({ date }, 'signature-expired');
    assert.equal(facts['x_sdk_date'], date);
    assert.match(String(facts['now']), /^\d{8}T\d{6}Z$/);
  }
  await refused({ date: 'yesterday' }, 'signature-mismatch');
});

test('a token wins over a signature', async () => {
  const { token } = await identity.login({
    proofs: [{ method: 'password', user: { id: first.user!.id }, password: 'first password' }],
    scope: { kind: 'default' },
  });
  assert.equal((await call({ secret: 'wrong', headers: { 'x-auth-token': token } })).status, 200);
  await refused({ headers: { 'x-auth-token': 'garbage' } }, 'token-unknown');
  assert.equal((await call({ headers: { 'x-auth-token': '' } })).status, 200);
});

test('a signed body over the limit is refused before it is read, announced or not', async () => {
  const large = Buffer.alloc(300_001);
  assert.equal(
    (await refused({ method: 'POST', body: large }, 'signature-body-too-large'))['limitBytes'],
    300_000,
  );
  await refused({ method: 'POST', body: large, chunked: true }, 'signature-body-too-large');
  const hash = { 'x-sdk-content-sha256': sha256(large) };
  await refused({ method: 'PUT', url: '/stream', body: large, headers: hash }, 'signature-body-too-large');
  await refused(
    { method: 'PUT', url: '/stream', body: large, chunked: true, headers: hash },
    'signature-body-too-large',
  );
});

test('UNSIGNED-PAYLOAD leaves the body out, whatever its size', async () => {
  const headers = { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' };
  const signed = 'host;x-sdk-content-sha256;x-sdk-date';
  const { body } = await call({
    method: 'PUT',
    url: '/stream',
    body: Buffer.alloc(400_000),
    headers,
    signed,
  });
  assert.equal(body['bytes'], 400_000);
  await refused(
    { method: 'PUT', url: '/stream', body: 'x', headers, signed, secret: 'wrong' },
    'signature-mismatch',
  );
});

test('an announced hash is compared with the body while it is read', async () => {
  const body = Buffer.alloc(100_000, 'y');
  const headers = { 'x-sdk-content-sha256': sha256(body) };
  for (const url of ['/stream', '/whole'])
    assert.equal((await call({ method: 'PUT', url, body, headers })).body['bytes'], 100_000);
  const other = Buffer.alloc(100_000, 'z');
  for (const url of ['/stream', '/whole'])
    await refused({ method: 'PUT', url, body: other, headers }, 'signature-mismatch');
  await refused({ headers }, 'signature-mismatch'); // no body at all
  await refused({ method: 'PUT', body, headers: { 'x-sdk-content-sha256': 'x' } }, 'signature-mismatch');
});

test('X-Project-Id chooses the project, signed or not; a foreign one is refused', async () => {
  const id = first.project!.id;
  assert.equal((await call({ headers: { 'x-project-id': id } })).body['project'], id);
  assert.equal(
    (await call({ headers: { 'x-project-id': id }, signed: 'host;x-project-id;x-sdk-date' })).status,
    200,
  );
  await refused({ headers: { 'x-project-id': 'f'.repeat(32) } }, 'not-authorized');
});

test('the host that was signed is the one that a trusted proxy forwards', async () => {
  const headers = { 'x-forwarded-host': 'ims.example.com' };
  assert.equal((await call({ headers, signAs: { host: 'ims.example.com' } })).status, 200);
  await refused({ headers }, 'signature-mismatch');
});
