import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { pino } from 'pino';
import { loggableUrl, redactedPaths } from './log.ts';
import { createHttpServer } from './server.ts';

test('a URL in a log has neither signature nor key', () => {
  assert.equal(
    loggableUrl('/b/k?X-Amz-Credential=AKIA%2Fx&X-Amz-Signature=abc&X-Amz-Expires=60'),
    '/b/k?X-Amz-Credential=-&X-Amz-Signature=-&X-Amz-Expires=60',
  );
  assert.equal(
    loggableUrl('/b/k?AWSAccessKeyId=A&Expires=1&Signature=s%3D'),
    '/b/k?AWSAccessKeyId=-&Expires=1&Signature=-',
  );
  assert.equal(loggableUrl(`/${'x'.repeat(5000)}`).length, 2000);
});

test('the access log of a request with credentials contains none of them', async (t) => {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const app = createHttpServer({
    trustedProxies: [],
    logger: pino({ redact: { paths: redactedPaths, censor: '-' } }, sink),
    onFault: () => ({ status: 400, headers: {}, body: '' }),
  });
  t.after(() => app.close());
  app.get('/', async (request) => {
    request.log.warn({ request: { headers: request.headers }, password: 'secret-4' }, 'careless');
    return {};
  });
  await app.inject({
    url: '/?X-Amz-Signature=secret-1',
    headers: { 'x-auth-token': 'secret-2', authorization: 'SDK-HMAC-SHA256 Signature=secret-3' },
  });
  const text = lines.join('');
  assert.match(text, /"msg":"request"/);
  assert.match(text, /"status":200/);
  assert.match(text, /careless/);
  assert.doesNotMatch(text, /secret-/);
});
