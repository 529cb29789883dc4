import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { send, signedHeaders, startTestGateway } from './test-gateway.ts';
import type { Reply, Tenant, TestGateway, TestRequest } from './test-gateway.ts';

let gateway: TestGateway;
let ann: Tenant;
let bob: Tenant;

before(async () => {
  gateway = await startTestGateway(['member', 'member'], { idleMs: 400 });
  [ann, bob] = gateway.tenants as [Tenant, Tenant];
  assert.equal((await call({ method: 'PUT', path: '/pail' })).status, 200);
  await put('kept', 'kept');
});
after(async () => {
  await gateway.close();
  assert.deepEqual(gateway.errors, []);
});

const call = (request: TestRequest): Promise<Reply> => send(ann, gateway.port, request);
const put = (key: string, body: string) => call({ method: 'PUT', path: `/pail/${key}`, body });
const stored = async () => (await gateway.store.list(undefined, 1000)).length;

/** Send bytes on a connection of their own; what came back when it closed or after `waitMs`. */
async function onSocket(bytes: string | Buffer, waitMs = 5000): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  let got = '';
  socket.on('data', (chunk) => (got += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.write(bytes);
  const closed = once(socket, 'close');
  for (let waited = 0; waited < waitMs && !/\r\n\r\n[\s\S]*<\/Error>|\r\n\r\n$/.test(got); waited += 20)
    await Promise.race([pause(20), closed]);
  socket.destroy();
  return got;
}

const headText = (method: string, path: string, headers: Record<string, string>): string =>
  `${method} ${path} HTTP/1.1\r\n${Object.entries(headers)
    .map((pair) => pair.join(': '))
    .join('\r\n')}\r\n\r\n`;

test('a length is not needed where HTTP itself says where a body ends', async () => {
  const chunked = await call({
    method: 'PUT',
    path: '/pail/lengthless',
    headers: { 'transfer-encoding': 'chunked' },
    body: 'as OBS clients send files',
    payload: 'UNSIGNED-PAYLOAD',
  });
  assert.equal(chunked.status, 200);
  const headers = signedHeaders(ann, gateway.port, { method: 'PUT', path: '/pail/none' });
  const reply = await onSocket(
    `PUT /pail/none HTTP/1.1\r\n${Object.entries(headers)
      .map((pair) => pair.join(': '))
      .join('\r\n')}\r\n\r\n`,
  );
  assert.match(reply, /^HTTP\/1.1 411 [\s\S]*MissingContentLength/);
});

test('Expect: 100-continue is judged before the body is asked for', async () => {
  const ask = async (path: string, extra: Record<string, string> = {}) => {
    const request = { method: 'PUT', path, payload: 'UNSIGNED-PAYLOAD', headers: extra };
    const headers = {
      ...signedHeaders(ann, gateway.port, request),
      expect: '100-continue',
      'content-length': '5000000000',
    };
    return onSocket(headText('PUT', path, headers), 3000);
  };
  assert.match(await ask('/pail/huge'), /^HTTP\/1.1 100 Continue/);
  assert.match(await ask('/absent/huge'), /^HTTP\/1.1 404 [\s\S]*Connection: close[\s\S]*NoSuchBucket/i);
  assert.match(await ask('/pail/huge?uploadId=1&partNumber=1'), /^HTTP\/1.1 404 [\s\S]*NoSuchUpload/);
  assert.match(await ask('/pail/kept', { 'if-none-match': '*' }), /^HTTP\/1.1 412 [\s\S]*PreconditionFailed/);
  const wrong = {
    ...signedHeaders(bob, gateway.port, { method: 'PUT', path: '/pail/huge' }),
    expect: '100-continue',
    'content-length': '5',
  };
  assert.match(await onSocket(headText('PUT', '/pail/huge', wrong)), /^HTTP\/1.1 403 /);
});

test('a client that vanishes or falls asleep inside a body leaves nothing', async () => {
  await put('slow', 'old');
  const earlier = await stored();
  const request = { method: 'PUT', path: '/pail/slow', payload: 'UNSIGNED-PAYLOAD' };
  const headers = { ...signedHeaders(ann, gateway.port, request), 'content-length': '3000000' };
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write(headText('PUT', '/pail/slow', headers));
  socket.write(randomBytes(2_000_000));
  await pause(100);
  socket.destroy();
  const asleep = await onSocket(headText('PUT', '/pail/slow', headers) + 'x'.repeat(100));
  assert.match(asleep, /^HTTP\/1.1 408 [\s\S]*RequestTimeout/);
  for (let waited = 0; waited < 3000 && (await stored()) !== earlier; waited += 50) await pause(50);
  assert.equal(await stored(), earlier);
  assert.equal((await call({ path: '/pail/slow' })).body, 'old');
  const rows = await gateway.catalog.db
    .selectFrom('blobs')
    .select('id')
    .where('state', '=', 'writing')
    .execute();
  assert.deepEqual(rows, []);
});

test('headers up to 64 KiB are read, more are refused in words', async () => {
  const reply = await call({ path: '/pail/none', headers: { 'x-filler': 'f'.repeat(50_000) } });
  assert.equal(reply.status, 404);
  const more = await onSocket(headText('GET', '/pail', { host: 'x', filler: 'f'.repeat(70_000) }));
  assert.match(more, /^HTTP\/1.1 400 [\s\S]*RequestHeaderSectionTooLarge/);
});

test('a large body that isn’t wanted is not read to its end, and the answer arrives', async () => {
  const path = '/absent/x';
  const headers = {
    ...signedHeaders(ann, gateway.port, { method: 'PUT', path, payload: 'UNSIGNED-PAYLOAD' }),
    'content-length': '500000000',
  };
  const reply = await onSocket(
    Buffer.concat([Buffer.from(headText('PUT', path, headers)), Buffer.alloc(300_000)]),
  );
  assert.match(reply, /^HTTP\/1.1 404 [\s\S]*NoSuchBucket/);
});
