import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { acceptAnyBody, streamBody, wholeBody } from './body.ts';
import type { FastifyInstance } from './fastify.ts';
import { HttpFault } from './faults.ts';
import { createHttpServer, drainServer } from './server.ts';

/** A listener whose routes show one rule each; answers faults as plain text. */
async function listen(t: TestContext, routes: (app: FastifyInstance) => void): Promise<number> {
  const app = createHttpServer({
    trustedProxies: [],
    onFault: (error) => ({ status: 400, headers: { 'content-type': 'text/plain' }, body: error.message }),
  });
  acceptAnyBody(app);
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error instanceof HttpFault ? error.status : 500).send({ error: String(error) }),
  );
  routes(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => app.close());
  return (app.server.address() as AddressInfo).port;
}

/** Everything that the server sends until it closes, or until `until` is found. */
function received(socket: Socket, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until?.test(text)) resolve(text);
    });
    socket.once('end', () => resolve(text)).once('error', reject);
  });
}

test('a request id of the form req-<uuid> is echoed, any other is replaced', async (t) => {
  const port = await listen(t, (app) => app.get('/', async () => ({})));
  const given = 'req-9358b62b-d3a9-4a53-bcd3-7ab3762ac464';
  const echoed = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-openstack-request-id': given } });
  assert.equal(echoed.headers.get('x-openstack-request-id'), given);
  assert.equal(echoed.headers.get('x-request-id'), given);
  const fresh = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { 'x-openstack-request-id': 'req-1 evil' },
  });
  assert.match(fresh.headers.get('x-openstack-request-id') ?? '', /^req-[0-9a-f-]{36}$/);
});

test('Expect: 100-continue is answered with the refusal, not with an invitation', async (t) => {
  const port = await listen(t, (app) =>
    app.put('/refused', async () => {
      throw new HttpFault('media-type-unsupported', 'no');
    }),
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('PUT /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n');
  const text = await received(socket);
  socket.destroy();
  assert.match(text, /^HTTP\/1\.1 415 /);
  assert.match(text, /connection: close/i);
});

test('Expect: 100-continue is granted once a handler wants the body', async (t) => {
  const port = await listen(t, (app) =>
    app.put('/taken', async (request, reply) => ({ bytes: (await wholeBody(request, reply, 100)).length })),
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('PUT /taken HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
  assert.match(await received(socket, /\r\n\r\n/), /^HTTP\/1\.1 100 Continue/);
  socket.write('abc');
  assert.match(await received(socket, /bytes/), /\{"bytes":3\}/);
  socket.destroy();
});

test('an answer that comes before the body reaches a client that is still sending, and the connection ends', async (t) => {
  const port = await listen(t, (app) =>
    app.put('/refused', async () => {
      throw new HttpFault('media-type-unsupported', 'no');
    }),
  );
  const socket = connect(port, '127.0.0.1');
  socket.write(`PUT /refused HTTP/1.1\r\nHost: x\r\nContent-Length: ${1024 ** 4}\r\n\r\n`);
  socket.on('error', () => {}); // reset by the server once it has read enough
  let sent = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const pump = setInterval(() => {
    if (!socket.destroyed && socket.writable && socket.writableLength < 1e6) {
      socket.write(chunk);
      sent += chunk.length;
    }
  }, 1);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const text = await received(socket, /"error"/);
  await closed;
  clearInterval(pump);
  assert.match(text, /^HTTP\/1\.1 415 /);
  assert.ok(sent < 64 * 1024 * 1024, `the server let the client send ${sent} bytes`);
});

test('a client that vanishes inside a body fails the stream instead of ending it', async (t) => {
  let seen: Promise<unknown> = Promise.resolve();
  const started = Promise.withResolvers<void>();
  const port = await listen(t, (app) =>
    app.put('/upload', async (request, reply) => {
      const body = streamBody(request, reply);
      seen = (async () => {
        let bytes = 0;
        try {
          for await (const chunk of body.stream) {
            bytes += (chunk as Buffer).length;
            started.resolve();
          }
          return `ended after ${bytes}`;
        } catch (error) {
          return [(error as HttpFault).kind, bytes, body.signal.aborted];
        }
      })();
      await seen;
      return {};
    }),
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n0123456789');
  await started.promise;
  socket.destroy();
  assert.deepEqual(await seen, ['body-cut-short', 10, true]);
});

test('a JSON body beyond its limit is refused from its announcement alone', async (t) => {
  const port = await listen(t, (app) =>
    app.post('/json', async (request, reply) => ({ n: (await wholeBody(request, reply, 10)).length })),
  );
  const announced = await fetch(`http://127.0.0.1:${port}/json`, { method: 'POST', body: 'x'.repeat(11) });
  assert.equal(announced.status, 413);
  const chunked = await fetch(`http://127.0.0.1:${port}/json`, {
    method: 'POST',
    body: new Blob(['x'.repeat(6), 'y'.repeat(6)]).stream(),
    duplex: 'half',
  } as RequestInit);
  assert.equal(chunked.status, 413);
});

test('draining finishes a running answer and refuses new connections', async () => {
  const app = createHttpServer({
    trustedProxies: [],
    onFault: () => ({ status: 400, headers: {}, body: '' }),
  });
  const release = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  app.get('/slow', async () => {
    entered.resolve();
    await release.promise;
    return { done: true };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const running = fetch(`http://127.0.0.1:${port}/slow`);
  await entered.promise;
  const drained = drainServer(app, 5000);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/slow`));
  release.resolve();
  assert.deepEqual(await (await running).json(), { done: true });
  await drained;
});

test('draining cuts what is still running after its time', async () => {
  const app = createHttpServer({
    trustedProxies: [],
    onFault: () => ({ status: 400, headers: {}, body: '' }),
  });
  const entered = Promise.withResolvers<void>();
  app.get('/endless', () => {
    entered.resolve();
    return new Promise(() => {});
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const running = fetch(`http://127.0.0.1:${port}/endless`).catch((error: Error) => error);
  await entered.promise;
  const before = Date.now();
  await drainServer(app, 50);
  assert.ok(Date.now() - before < 2000);
  assert.ok((await running) instanceof Error);
});

test('bytes that are no HTTP get a plain 400 and the end of the connection', async (t) => {
  const port = await listen(t, (app) => app.get('/', async () => ({})));
  const socket = connect(port, '127.0.0.1');
  socket.write('\x16\x03\x01 hello\r\n\r\n');
  assert.match(await received(socket), /^HTTP\/1\.1 400 Bad Request/);
  socket.destroy();
});

test('a body stream that drips is given up after a minute of waiting', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const outcome = Promise.withResolvers<unknown>();
  const first = Promise.withResolvers<void>();
  const port = await listen(t, (app) =>
    app.put('/upload', async (request, reply) => {
      try {
        for await (const chunk of streamBody(request, reply).stream) if (chunk) first.resolve();
        outcome.resolve('ended');
      } catch (error) {
        outcome.resolve((error as HttpFault).kind);
      }
      return {};
    }),
  );
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n0');
  await first.promise;
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(61_000);
  assert.equal(await outcome.promise, 'body-slow');
  socket.destroy();
});
