/**
 * Requests that try to harm, to both listeners. Each is answered in time, in the listener's own words, never
 * with a failure of ours; afterwards nothing has changed and the server answers.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Running } from '../harness.ts';
import type { Call } from './account.ts';
import { refusedByApi } from './hostile/api-requests.ts';
import { refusedByBucket } from './hostile/bucket-requests.ts';
import { framing } from './hostile/framing.ts';
import { hostOf } from './hostile/requests.ts';
import type { ApiRequest } from './hostile/requests.ts';
import { Target } from './hostile/target.ts';
import { message, rawHttp } from './raw-http.ts';
import type { RawAnswer, RawRequest } from './raw-http.ts';

let target: Target;
let server: Running;
let call: Call;
let image: string;

before(async () => {
  target = await Target.start();
  ({ server, call, image } = target);
});
after(() => server[Symbol.asyncDispose]());

const harmless = (work: () => Promise<void>): Promise<void> => target.harmless(work);
/** A request with a token, to the API. */
async function api(
  [line, body = '', headers = []]: ApiRequest,
  more: Partial<RawRequest> = {},
): Promise<RawAnswer> {
  const own = new Set(headers.map(([name]) => name.toLowerCase()));
  const usual: (readonly [string, string])[] = [
    ['Host', hostOf(server.ready.api)],
    ['X-Auth-Token', target.token],
    ['Content-Length', String(Buffer.byteLength(body))],
  ];
  const sent = [...usual.filter(([name]) => !own.has(name.toLowerCase())), ...headers];
  const line_ = line.replaceAll('{id}', image).replaceAll('{project}', server.ready.project.id);
  return await rawHttp(server.ready.api, { send: message(line_, sent, body), ...more });
}

/** The body that each part of the API words an error in. */
function assertApiBody(line: string, answer: RawAnswer): void {
  const { status } = answer;
  assert.ok(status >= 400 && status < 500, `${status} ${answer.body}`);
  assert.match(answer.headers['x-openstack-request-id'] ?? '', /^req-[0-9a-f-]{36}$/);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const body = JSON.parse(answer.body) as {
    error?: { code?: unknown; message?: string };
    error_code?: string;
  };
  if (body.error_code) return assert.match(body.error_code, /^APIGW\./); // the gateway's own refusals
  assert.ok(body.error?.message, answer.body);
  const path = line.split(' ')[1]!;
  if (path.startsWith('/v3')) assert.equal(body.error.code, status);
  else assert.equal(typeof body.error.code, 'string');
}

describe('hostile requests to the API', () => {
  for (const [title, request, status] of refusedByApi)
    test(`${title} is refused`, () =>
      harmless(async () => {
        const answer = await api(
          request.map((part) =>
            typeof part === 'string' ? part.replaceAll('{id}', image) : part,
          ) as unknown as ApiRequest,
        );
        assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.body.slice(0, 300)}`);
        assertApiBody(request[0], answer);
      }));

  for (const name of [
    '\u0000\u0001\u001F',
    '💾 диск 磁盘',
    '\u202Egnp.exe',
    '<script>alert(1)</script>',
    "'; drop table images; --",
    '../../etc/passwd',
  ])
    test(`the name ${JSON.stringify(name)} is refused or kept to the letter`, async () => {
      const made = await call('POST', '/v2/images', { name });
      assert.ok([201, 400].includes(made.status), made.text);
      if (made.status === 400) return;
      const { id } = made.json<{ id: string }>();
      assert.equal((await call('GET', `/v2/images/${id}`)).json<{ name: string }>().name, name);
      assert.equal(
        (await call('GET', `/v2/images?name=${encodeURIComponent(name)}`)).json<{ images: unknown[] }>()
          .images.length,
        1,
      );
      assert.equal((await call('DELETE', `/v2/images/${id}`)).status, 204);
    });

  test('properties called __proto__ and constructor are refused or are only properties', async () => {
    const made = await call(
      'POST',
      '/v2/images',
      '{"name":"x","__proto__":"a","constructor":"b","toString":"c"}',
    );
    assert.ok([201, 400, 403].includes(made.status), made.text);
    if (made.status === 201) await call('DELETE', `/v2/images/${made.json<{ id: string }>().id}`);
    assert.equal((await call('GET', '/v2/images?__proto__=x&constructor=y')).status, 200);
  });

  test('a Range beyond the end, and one far longer than the data, give what there is', async () => {
    const part = await call('GET', `/v2/images/${image}/file`, undefined, {
      range: `bytes=10-${'9'.repeat(15)}`,
    });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 10-${target.size - 1}/${target.size}`);
  });
});

for (const listener of ['api', 'bucket'] as const)
  describe(`hostile framing to the ${listener} listener`, () => {
    for (const [title, send, status] of framing)
      test(`${title}`, () =>
        harmless(async () => {
          const base = server.ready[listener];
          const answer = await rawHttp(base, {
            send: send(base),
            until: status === 400 ? 'close' : 'answer',
          });
          assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.body.slice(0, 300)}`);
          assert.equal(answer.statuses.length, answer.status === 0 ? 0 : 1, 'one answer, nothing smuggled');
          // Node's parser itself refuses a request without Host, in no dialect.
          if (listener === 'bucket' && answer.status >= 400 && title !== 'no Host')
            assert.match(answer.body, /^<\?xml[^]*<Error><Code>\w+<\/Code>/);
        }));
  });

describe('hostile requests to the bucket listener', () => {
  for (const [title, request, code] of refusedByBucket)
    test(`${title} is refused`, () =>
      harmless(async () => {
        const answer = await target.s3(request);
        assert.ok(
          (answer.status >= 400 && answer.status < 500) || answer.status === 501,
          `${answer.status} ${answer.body.slice(0, 500)}`,
        );
        assert.match(answer.headers['content-type'] ?? '', /xml/);
        assert.match(/<Code>(\w+)<\/Code>/.exec(answer.body)?.[1] ?? '', code);
        assert.match(answer.headers['x-amz-request-id'] ?? '', /^[0-9A-F]{16}$/);
      }));

  test('a key that is a path is a key: no file outside the store', () =>
    harmless(async () => {
      for (const path of [
        '/kept/..%2F..%2F..%2Fescaped',
        '/kept/%2e%2e/%2e%2e/escaped',
        '/kept//etc/passwd',
        '/kept/a%0d%0ab',
        '/kept/%F0%9F%92%A9',
      ]) {
        const put = await target.s3({ method: 'PUT', path, body: 'x' });
        assert.ok([200, 400].includes(put.status), `${path} ${put.status} ${put.body}`);
        if (put.status === 200) assert.equal((await target.s3({ method: 'DELETE', path })).status, 204);
      }
      assert.deepEqual(
        readdirSync(server.folder).filter((name) => name.includes('escaped')),
        [],
      );
    }));

  const unproved: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
    ['no signature', {}, 'GET /kept', /AccessDenied/],
    [
      'a signature of garbage',
      { authorization: `AWS4-HMAC-SHA256 ${'='.repeat(5000)}` },
      'GET /kept',
      /Authorization|AccessDenied|InvalidArgument|InvalidRequest/,
    ],
    ['an unknown scheme', { authorization: 'Bearer x' }, 'GET /kept', /./],
    [
      'a key with a path',
      { authorization: 'AWS ../../etc:xxxx' },
      'GET /kept',
      /InvalidAccessKeyId|AccessDenied/,
    ],
    [
      'a presigned URL for ever',
      {},
      'GET /kept/object?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20200101/eu-de/s3/aws4_request&X-Amz-Date=20200101T000000Z&X-Amz-Expires=99999999999&X-Amz-SignedHeaders=host&X-Amz-Signature=00',
      /./,
    ],
  ];
  for (const [title, headers, line, code] of unproved)
    test(`${title} opens nothing`, () =>
      harmless(async () => {
        const send = message(line, [['Host', hostOf(server.ready.bucket)], ...Object.entries(headers)]);
        const answer = await rawHttp(server.ready.bucket, { send });
        assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
        assert.match(/<Code>(\w+)<\/Code>/.exec(answer.body)?.[1] ?? '', code);
      }));
});

test('after all of it nothing in the log is a failure of ours', () => {
  assert.equal(server.process.exitCode, null);
  assert.doesNotMatch(server.log(), /"level":(50|60)/);
});
