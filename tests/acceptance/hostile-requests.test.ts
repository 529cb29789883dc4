/**
 * Requests that try to harm, to both listeners. Each is answered in time, in the listener's own words, never
 * with a failure of ours; afterwards nothing has changed and the server answers.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startServer } from '../harness.ts';
import type { Running } from '../harness.ts';
import { caller, login } from './account.ts';
import type { Call } from './account.ts';
import { s3, s3Ok, signS3 } from './bucket.ts';
import type { S3Request } from './bucket.ts';
import { message, rawHttp } from './raw-http.ts';
import type { RawAnswer, RawRequest } from './raw-http.ts';

const sample = readFileSync(join(import.meta.dirname, '../fixtures/sample/sample.qcow2'));
const KiB = 1024;
const MiB = KiB * KiB;

let server: Running;
let token: string;
let call: Call;
/** An active image with data; hostile requests must leave it as it is. */
let image: string;

before(async () => {
  server = await startServer();
  token = await login(server.ready);
  call = caller(server.ready, token);
  const made = await call('POST', '/v2/images', {
    name: 'kept',
    disk_format: 'qcow2',
    container_format: 'bare',
  });
  image = made.json<{ id: string }>().id;
  const uploaded = await call('PUT', `/v2/images/${image}/file`, sample, {
    'content-type': 'application/octet-stream',
  });
  assert.equal(uploaded.status, 204, uploaded.text);
  await s3Ok(server.ready, { method: 'PUT', path: '/kept' });
  await s3Ok(server.ready, { method: 'PUT', path: '/kept/object', body: 'kept' });
});
after(() => server[Symbol.asyncDispose]());

/** What no hostile request may change. */
async function state(): Promise<string> {
  const images = await call('GET', '/v2/images?limit=1000');
  const objects = await s3Ok(server.ready, { method: 'GET', path: '/kept' });
  const buckets = await s3Ok(server.ready, { method: 'GET', path: '/' });
  const listed = images.json<{ images: unknown[] }>().images;
  return JSON.stringify([listed, await objects.text(), await buckets.text(), stored()]);
}

function stored(): string[] {
  const root = join(server.data, 'store');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'store.json')
    .map((entry) => entry.name)
    .sort();
}

/** Wait until the store is as it was: bytes of a vanished client go once the server has seen it go. */
async function storeIs(wanted: readonly string[]): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 50) {
    if (JSON.stringify(stored()) === JSON.stringify(wanted)) return;
    await pause(50);
  }
  assert.deepEqual(stored(), wanted);
}

/** Run, then look: the server answers, and everything is as it was. */
async function harmless(work: () => Promise<void>): Promise<void> {
  const earlier = await state();
  await work();
  assert.equal((await fetch(`${server.ready.api}/`)).status, 300);
  assert.equal((await fetch(`${server.ready.bucket}/`)).status, 403);
  assert.equal(await state(), earlier);
}

const host = (base: string): string => new URL(base).host;
type Api = readonly [line: string, body?: string | Buffer, headers?: readonly (readonly [string, string])[]];

/** A request with a token, to the API. */
async function api([line, body = '', headers = []]: Api, more: Partial<RawRequest> = {}): Promise<RawAnswer> {
  const own = new Set(headers.map(([name]) => name.toLowerCase()));
  const usual: (readonly [string, string])[] = [
    ['Host', host(server.ready.api)],
    ['X-Auth-Token', token],
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
  if (status === 401 && body.error_code) return assert.match(body.error_code, /^APIGW\./);
  assert.ok(body.error?.message, answer.body);
  const path = line.split(' ')[1]!;
  if (path.startsWith('/v3')) assert.equal(body.error.code, status);
  else assert.equal(typeof body.error.code, 'string');
}

const deepArray = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const deepObject = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
const octets: readonly [string, string] = ['Content-Type', 'application/octet-stream'];
const patchType: readonly [string, string] = ['Content-Type', 'application/openstack-images-v2.1-json-patch'];
const register = 'PUT /v1/cloudimages/{id}/upload';
const auth = 'POST /v3/auth/tokens';
const nobody = '00000000-0000-4000-8000-000000000000';

const refusedByApi: readonly (readonly [title: string, request: Api, status: number | readonly number[]])[] =
  [
    ...['{', 'nul', '{"name":}', "{'name':1}", '{"name":"a"} x', '\uFEFF{}x', '[', '"', '{"a":1,}'].map(
      (body) => [`malformed JSON ${body}`, ['POST /v2/images', body], 400] as const,
    ),
    ...['[]', '"text"', '7', 'null', 'true'].map(
      (body) => [`JSON ${body} as an image`, ['POST /v2/images', body], 400] as const,
    ),
    [
      'bytes that are no UTF-8',
      ['POST /v2/images', Buffer.from([0x7b, 0x22, 0x6e, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
      400,
    ],
    ['an image in 100 000 arrays', ['POST /v2/images', deepArray], 400],
    ['an image in 100 000 objects', ['POST /v2/images', deepObject], 400],
    ['a property of 100 000 arrays', ['POST /v2/images', `{"name":"x","p":${deepArray}}`], 400],
    ['a patch in 100 000 arrays', ['PATCH /v2/images/{id}', deepArray, [patchType]], 400],
    ['a register in 100 000 objects', [register, deepObject], 400],
    ['a login in 100 000 objects', [auth, deepObject], 400],
    ['an image of 20 MiB of JSON', ['POST /v2/images', `{"name":"${'x'.repeat(20 * MiB)}"}`], 413],
    ['a login of 20 MiB', [auth, `{"auth":"${'x'.repeat(20 * MiB)}"}`], [400, 413]],
    ['a register of 20 MiB', [register, `{"image_url":"${'x'.repeat(20 * MiB)}"}`], [400, 413]],
    ...['7', '[]', '{}', 'true', '["a"]'].map(
      (value) => [`a name that is ${value}`, ['POST /v2/images', `{"name":${value}}`], 400] as const,
    ),
    ['a name of 4 KiB', ['POST /v2/images', JSON.stringify({ name: 'x'.repeat(4 * KiB) })], 400],
    ['a property name of 4 KiB', ['POST /v2/images', JSON.stringify({ ['x'.repeat(4 * KiB)]: 'y' })], 400],
    ['a property of 1 MiB', ['POST /v2/images', JSON.stringify({ p: 'y'.repeat(MiB) })], [400, 413]],
    [
      '20 000 properties',
      [
        'POST /v2/images',
        JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, 'x']))),
      ],
      413,
    ],
    [
      '20 000 tags',
      ['POST /v2/images', JSON.stringify({ tags: Array.from({ length: 20_000 }, (_, i) => `t${i}`) })],
      [400, 413],
    ],
    ['tags that are an object', ['POST /v2/images', '{"tags":{"a":1}}'], 400],
    ...['-1', '1.5', '"x"', '1e999', '9007199254740993', 'null', '[1]'].map(
      (value) => [`min_disk ${value}`, ['POST /v2/images', `{"min_disk":${value}}`], 400] as const,
    ),
    ['an id that is a path', ['POST /v2/images', '{"id":"../../etc/passwd"}'], 400],
    ['an id that is taken', ['POST /v2/images', '{"id":"{id}"}'], [400, 409]],
    ['an owner that is another project', ['POST /v2/images', '{"owner":["x"]}'], [400, 403]],
    ['an attribute of the platform', ['POST /v2/images', '{"os_glance_x":"1"}'], [400, 403]],
    ['a register that is no object', [register, '["a:b"]'], 400],
    ['an image_url that is a number', [register, '{"image_url":1}'], 400],
    [
      'an image_url with a path',
      [`PUT /v1/cloudimages/${nobody}/upload`, '{"image_url":"../../x:../../y"}'],
      404,
    ],
    ...[
      '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '%00',
      '%2e%2e',
      'a%0d%0ab',
      '%F0%9F%92%A9',
      "'%20or%201=1--",
    ].flatMap((id) => [
      [`image id ${id}`, [`GET /v2/images/${id}`], 404] as const,
      [`data of image id ${id}`, [`GET /v2/images/${id}/file`], 404] as const,
      [
        `register of image id ${id}`,
        [`PUT /v1/cloudimages/${id}/upload`, '{"image_url":"kept:object"}'],
        [400, 404],
      ] as const,
      [`deletion of image id ${id}`, [`DELETE /v2/images/${id}`], 404] as const,
      [`job id ${id}`, [`GET /v1/{project}/jobs/${id}`], [400, 404]] as const,
      [`user id ${id}`, [`GET /v3/users/${id}`], 404] as const,
      [`project id ${id}`, [`GET /v3/projects/${id}`], 404] as const,
    ]),
    ['an image id of 8 KiB', [`GET /v2/images/${'a'.repeat(8 * KiB)}`], [400, 404, 414]],
    ['a path with .. to the root', ['GET /v2/../../../etc/passwd'], 404],
    ['a path of slashes', ['GET //v2//images'], 404],
    ...['%', '%f', '%ff', '%zz', '%c0%ae'].flatMap((escape) => [
      [`a path with ${escape}`, [`GET /v2/images/${escape}`], [400, 404]] as const,
      [`a query with ${escape}`, [`GET /v2/images?name=${escape}`], [400]] as const,
    ]),
    ...[
      'limit=-1',
      'limit=abc',
      'limit=99999999999999999999x',
      'limit=1.5',
      'limit=',
      'sort_key=;drop',
      'sort_dir=up',
      'sort_key=name&sort_dir=asc&sort=name:asc',
      `marker=${nobody}`,
      'marker=%00',
      'created_at=gte:yesterday',
      'size_min=NaN',
      'size_max=-5',
      'member_status=x',
      'os_hidden=perhaps',
      'visibility=secret',
    ].map((query) => [`list with ${query}`, [`GET /v2/images?${query}`], 400] as const),
    ...[
      'limit=-1',
      'limit=abc',
      'limit=0x10',
      `marker=${nobody}`,
      'sort_key=;drop',
      'created_at=gte:yesterday',
      '__imagetype=secret',
    ].map((query) => [`IMS list with ${query}`, [`GET /v2/cloudimages?${query}`], 400] as const),
    ...[
      'bytes=5-1',
      'bytes=abc',
      'items=0-1',
      'bytes=-0',
      'bytes=99999999999999999999-',
      'bytes=--1',
      'bytes=1-2-3',
      `bytes=${'9'.repeat(400)}-`,
    ].map(
      (range) =>
        [`Range ${range.slice(0, 40)}`, ['GET /v2/images/{id}/file', '', [['Range', range]]], 416] as const,
    ),
    [
      'a thousand ranges',
      [
        'GET /v2/images/{id}/file',
        '',
        [['Range', `bytes=${Array.from({ length: 1000 }, (_, i) => `${i}-${i}`).join()}`]],
      ],
      400,
    ],
    ['a patch that is an object', ['PATCH /v2/images/{id}', '{}', [patchType]], 400],
    ['a patch of 7', ['PATCH /v2/images/{id}', '[7]', [patchType]], 400],
    [
      'a patch to __proto__',
      ['PATCH /v2/images/{id}', '[{"op":"replace","path":"/__proto__/x","value":"y"}]', [patchType]],
      400,
    ],
    [
      'a patch by ~2',
      ['PATCH /v2/images/{id}', '[{"op":"add","path":"/a~2b","value":"y"}]', [patchType]],
      400,
    ],
    [
      'a patch to the status',
      ['PATCH /v2/images/{id}', '[{"op":"replace","path":"/status","value":"queued"}]', [patchType]],
      403,
    ],
    ['a patch of another media type', ['PATCH /v2/images/{id}', '[]', [['Content-Type', 'text/xml']]], 415],
    [
      'data of another media type',
      ['PUT /v2/images/{id}/file', 'x', [['Content-Type', 'application/json']]],
      415,
    ],
    ['data for an active image', ['PUT /v2/images/{id}/file', 'x', [octets]], 409],
    ['a token of 8 KiB', ['GET /v2/images', '', [['X-Auth-Token', 'x'.repeat(8 * KiB)]]], 401],
    ['a token that is a path', ['GET /v2/images', '', [['X-Auth-Token', '../../../etc/passwd']]], 401],
    [
      'two tokens',
      [
        'GET /v2/images',
        '',
        [
          ['X-Auth-Token', 'a'],
          ['X-Auth-Token', 'b'],
        ],
      ],
      401,
    ],
    [
      'a signature of nothing',
      [
        'GET /v2/images',
        '',
        [
          ['X-Auth-Token', ''],
          ['Authorization', 'SDK-HMAC-SHA256 Access=,SignedHeaders=,Signature='],
        ],
      ],
      401,
    ],
    [
      'a signature of garbage',
      [
        'GET /v2/images',
        '',
        [
          ['X-Auth-Token', ''],
          ['Authorization', `SDK-HMAC-SHA256 ${'a=,'.repeat(2000)}`],
        ],
      ],
      401,
    ],
    ['an unknown method of a known path', ['PUT /v2/images', '{}'], 405],
    ['TRACE', ['TRACE /v2/images'], [404, 405]],
    ['PROPFIND', ['PROPFIND /v2/images'], [404, 405]],
    [
      'an Upgrade',
      [
        'GET /v2/nothing',
        '',
        [
          ['Connection', 'Upgrade'],
          ['Upgrade', 'websocket'],
        ],
      ],
      404,
    ],
    ['a login without a method', [auth, '{"auth":{"identity":{"methods":[]}}}'], [400, 401]],
    ['a login with methods as text', [auth, '{"auth":{"identity":{"methods":"password"}}}'], 400],
    [
      'a login with a password of 1 MiB',
      [
        auth,
        JSON.stringify({
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name: 'admin', domain: { name: 'Default' }, password: 'x'.repeat(MiB) } },
            },
          },
        }),
      ],
      [400, 401, 413],
    ],
    [
      'a login with a NUL in the name',
      [
        auth,
        JSON.stringify({
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name: 'ad\0min', domain: { name: 'Default' }, password: 'x' } },
            },
          },
        }),
      ],
      401,
    ],
    [
      'a login by a token of 64 KiB',
      [
        auth,
        JSON.stringify({ auth: { identity: { methods: ['token'], token: { id: 'x'.repeat(64 * KiB) } } } }),
      ],
      [400, 401],
    ],
    ['a user whose name is an object', ['POST /v3/users', '{"user":{"name":{"a":1}}}'], 400],
    [
      'a project whose name is 4 KiB',
      ['POST /v3/projects', JSON.stringify({ project: { name: 'x'.repeat(4 * KiB) } })],
      400,
    ],
  ];

describe('hostile requests to the API', () => {
  for (const [title, request, status] of refusedByApi)
    test(`${title} is refused`, () =>
      harmless(async () => {
        const answer = await api(
          request.map((part) =>
            typeof part === 'string' ? part.replaceAll('{id}', image) : part,
          ) as unknown as Api,
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
    assert.equal(part.headers.get('content-range'), `bytes 10-${sample.length - 1}/${sample.length}`);
  });
});

type Raw = (base: string) => string | Buffer;
const framing: readonly (readonly [title: string, send: Raw, status: number | readonly number[]])[] = [
  [
    'headers of more than 64 KiB',
    (b) => `GET / HTTP/1.1\r\nHost: ${host(b)}\r\nX: ${'a'.repeat(70 * KiB)}\r\n\r\n`,
    [400, 431],
  ],
  [
    '10 000 headers',
    (b) => `GET / HTTP/1.1\r\nHost: ${host(b)}\r\n${'a: b\r\n'.repeat(20_000)}\r\n`,
    [400, 431],
  ],
  [
    'a URL of 100 KiB',
    (b) => `GET /${'a'.repeat(100 * KiB)} HTTP/1.1\r\nHost: ${host(b)}\r\n\r\n`,
    [400, 414, 431],
  ],
  ['a header with NUL', (b) => `GET / HTTP/1.1\r\nHost: ${host(b)}\r\nX: a\0b\r\n\r\n`, 400],
  ['a folded header', (b) => `GET / HTTP/1.1\r\nHost: ${host(b)}\r\nX: a\r\n b\r\n\r\n`, [300, 400, 403]],
  ['no Host', () => 'GET / HTTP/1.1\r\n\r\n', 400],
  [
    'two Content-Lengths',
    (b) => `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    400,
  ],
  [
    'a negative Content-Length',
    (b) => `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nContent-Length: -1\r\n\r\n`,
    400,
  ],
  [
    'a Content-Length of 40 digits',
    (b) => `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nContent-Length: ${'9'.repeat(40)}\r\n\r\n`,
    400,
  ],
  [
    'Content-Length and Transfer-Encoding',
    (b) =>
      `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding and Content-Length',
    (b) =>
      `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding: chunked, identity',
    (b) => `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    'a space before the colon',
    (b) => `POST / HTTP/1.1\r\nHost: ${host(b)}\r\nContent-Length : 4\r\n\r\nabcd`,
    400,
  ],
  ['lines without CR', (b) => `GET / HTTP/1.1\nHost: ${host(b)}\n\n`, [300, 400, 403]],
  ['HTTP/2 without asking', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a TLS greeting', () => Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0]), 400],
  ['noise', () => Buffer.alloc(4096, 0xa5), 400],
  ['an unknown method', (b) => `FROBNICATE / HTTP/1.1\r\nHost: ${host(b)}\r\n\r\n`, 400],
  ['an unknown version', (b) => `GET / HTTP/9.9\r\nHost: ${host(b)}\r\n\r\n`, 400],
  ['CONNECT', (b) => `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: ${host(b)}\r\n\r\n`, [0, 400, 404, 405]],
];

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
          if (listener === 'bucket' && answer.status >= 400)
            assert.match(answer.body, /^<\?xml[^]*<Error><Code>\w+<\/Code>/);
        }));
  });

/** A signed S3 request by hand. */
async function s3Raw(
  request: S3Request,
  more: Partial<RawRequest> & { line?: string; headers?: [string, string][] } = {},
): Promise<RawAnswer> {
  const { body = '' } = request;
  const query = Object.entries(request.query ?? {})
    .map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`)
    .sort()
    .join('&');
  const headers = Object.entries(signS3(server.ready, request));
  const line = more.line ?? `${request.method} ${request.path}${query ? `?${query}` : ''}`;
  const own = more.headers ?? [['Content-Length', String(Buffer.byteLength(body ?? ''))]];
  return await rawHttp(server.ready.bucket, {
    send: message(line, [...headers, ...own], Buffer.from(body ?? '')),
    ...more,
  });
}

const entities = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]>`;
const deletion = (inner: string): string => `<Delete><Object><Key>${inner}</Key></Object></Delete>`;
const documents: readonly (readonly [string, string])[] = [
  ['a billion laughs', `${entities}${deletion('&j;')}`],
  ['an entity of a file', `<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>${deletion('&a;')}`],
  ['a DTD elsewhere', `<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">${deletion('object')}`],
  ['an unknown entity', deletion('&nope;')],
  ['100 000 elements in each other', `${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`],
  ['100 000 elements that never end', '<a>'.repeat(100_000)],
  [
    '100 000 attributes',
    `<Delete ${Array.from({ length: 100_000 }, (_, i) => `a${i}="x"`).join(' ')}></Delete>`,
  ],
  ['a comment that never ends', `<Delete><!--${'-'.repeat(500_000)}`],
  ['a CDATA that never ends', `<Delete><![CDATA[${']'.repeat(500_000)}`],
  ['500 KiB of <', '<'.repeat(500_000)],
  ['500 KiB of &', deletion('&'.repeat(500_000))],
  ['more than a MiB', deletion('x'.repeat(3 * MiB))],
  ['no XML', '{"a":1}'],
  ['nothing', ''],
  ['NULs', '\0\0\0\0'],
];

const refusedByBucket: readonly (readonly [
  title: string,
  request: S3Request,
  code: RegExp,
  status?: number,
])[] = [
  ...documents.flatMap(([title, body]) => [
    [
      `batch delete: ${title}`,
      { method: 'POST', path: '/kept', query: { delete: '' }, body },
      /MalformedXML|MissingRequestBodyError|InvalidRequest/,
    ] as const,
    [
      `bucket configuration: ${title}`,
      { method: 'PUT', path: '/newbucket', body: body || '<' },
      /MalformedXML|InvalidRequest|IllegalLocation/,
    ] as const,
  ]),
  ['a bucket called ..', { method: 'PUT', path: '/%2e%2e' }, /InvalidBucketName/],
  ['a bucket with NUL', { method: 'PUT', path: '/a%00b' }, /InvalidBucketName|InvalidURI/],
  ['a bucket of 4 KiB', { method: 'PUT', path: `/${'a'.repeat(4 * KiB)}` }, /InvalidBucketName/],
  ['a bucket in capitals', { method: 'PUT', path: '/KEPT' }, /InvalidBucketName/],
  ['a key of 1025 bytes', { method: 'PUT', path: `/kept/${'a'.repeat(1025)}`, body: 'x' }, /KeyTooLongError/],
  [
    'a key of broken UTF-8',
    { method: 'PUT', path: '/kept/%ff', body: 'x' },
    /InvalidURI|InvalidArgument|InvalidRequest/,
  ],
  [
    'a broken escape',
    { method: 'GET', path: '/kept/%zz' },
    /InvalidURI|InvalidArgument|InvalidRequest|SignatureDoesNotMatch/,
  ],
  [
    'Content-MD5 of garbage',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'content-md5': '!!!' } },
    /InvalidDigest/,
  ],
  [
    'Content-MD5 of other bytes',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' } },
    /BadDigest/,
  ],
  [
    'a checksum of garbage',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-checksum-crc32': '????' } },
    /InvalidRequest|BadDigest|InvalidDigest/,
  ],
  [
    'an unknown storage class',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-storage-class': 'TAPE' } },
    /InvalidStorageClass|InvalidArgument/,
  ],
  [
    'metadata of 60 KiB',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-meta-a': 'm'.repeat(60 * KiB) } },
    /MetadataTooLarge|RequestHeaderSectionTooLarge/,
  ],
  ...['-1', 'abc', '99999999999999999999', '1.5'].map(
    (value) =>
      [
        `max-keys ${value}`,
        { method: 'GET', path: '/kept', query: { 'max-keys': value } },
        /InvalidArgument/,
      ] as const,
  ),
  [
    'a continuation token of garbage',
    { method: 'GET', path: '/kept', query: { 'list-type': '2', 'continuation-token': '%00../..' } },
    /InvalidArgument/,
  ],
  ...['0', '-1', '10001', 'abc', '1e3'].map(
    (part) =>
      [
        `part number ${part}`,
        { method: 'PUT', path: '/kept/x', query: { partNumber: part, uploadId: 'a'.repeat(32) }, body: 'x' },
        /InvalidArgument|NoSuchUpload/,
      ] as const,
  ),
  [
    'an upload id that is a path',
    {
      method: 'PUT',
      path: '/kept/x',
      query: { partNumber: '1', uploadId: '../../../etc/passwd' },
      body: 'x',
    },
    /NoSuchUpload/,
  ],
  [
    'an unknown upload completed',
    {
      method: 'POST',
      path: '/kept/x',
      query: { uploadId: 'a'.repeat(32) },
      body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
    },
    /NoSuchUpload/,
  ],
  [
    'a copy from a path',
    { method: 'PUT', path: '/kept/x', headers: { 'x-amz-copy-source': '/../../etc/passwd' } },
    /InvalidArgument|NoSuchBucket|InvalidBucketName|InvalidRequest|NoSuchKey/,
  ],
  [
    'a copy from %00',
    { method: 'PUT', path: '/kept/x', headers: { 'x-amz-copy-source': '/kept/%00%zz' } },
    /InvalidArgument|NoSuchKey|InvalidRequest|InvalidURI/,
  ],
  [
    'a range past the end',
    { method: 'GET', path: '/kept/object', headers: { range: 'bytes=99999999999999999999-' } },
    /InvalidRange/,
  ],
  ['an unknown method', { method: 'PATCH', path: '/kept/object' }, /MethodNotAllowed|NotImplemented/],
  [
    'an unknown subresource',
    { method: 'PUT', path: '/kept', query: { frobnicate: '' }, body: '<x/>' },
    /NotImplemented|MalformedXML|InvalidRequest|BucketAlready/,
  ],
];

describe('hostile requests to the bucket listener', () => {
  for (const [title, request, code] of refusedByBucket)
    test(`${title} is refused`, () =>
      harmless(async () => {
        const answer = await s3Raw(request);
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
        const put = await s3Raw({ method: 'PUT', path, body: 'x' });
        assert.ok([200, 400].includes(put.status), `${path} ${put.status} ${put.body}`);
        if (put.status === 200) assert.equal((await s3Raw({ method: 'DELETE', path })).status, 204);
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
        const send = message(line, [['Host', host(server.ready.bucket)], ...Object.entries(headers)]);
        const answer = await rawHttp(server.ready.bucket, { send });
        assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
        assert.match(/<Code>(\w+)<\/Code>/.exec(answer.body)?.[1] ?? '', code);
      }));
});

/** Make an image, send part of its data by `send`, and see what became of it. */
async function interrupted(
  headers: readonly (readonly [string, string])[],
  send: (socket: Socket) => Promise<void> | void,
  timeoutMs = 10_000,
): Promise<{ answer: RawAnswer; status: string }> {
  const made = await call('POST', '/v2/images', {
    name: 'cut',
    disk_format: 'raw',
    container_format: 'bare',
  });
  const { id } = made.json<{ id: string }>();
  const earlier = stored();
  const head = message(`PUT /v2/images/${id}/file`, [
    ['Host', host(server.ready.api)],
    ['X-Auth-Token', token],
    octets,
    ...headers,
  ]);
  const answer = await rawHttp(server.ready.api, {
    timeoutMs,
    async send(socket) {
      socket.write(head);
      await send(socket);
    },
  });
  await storeIs(earlier);
  let status = 'saving';
  for (let waited = 0; status === 'saving' && waited < 5000; waited += 50) {
    status = (await call('GET', `/v2/images/${id}`)).json<{ status: string }>().status;
    await pause(50);
  }
  assert.equal((await call('DELETE', `/v2/images/${id}`)).status, 204);
  return { answer, status };
}

describe('bodies that are not what they say', () => {
  const cuts: readonly (readonly [
    string,
    readonly [string, string][],
    (socket: Socket) => Promise<void> | void,
  ])[] = [
    ['ends early', [['Content-Length', String(4 * MiB)]], (socket) => void socket.end(Buffer.alloc(MiB))],
    [
      'is left in the middle',
      [['Content-Length', String(4 * MiB)]],
      async (socket) => {
        socket.write(Buffer.alloc(MiB));
        await pause(100);
        socket.destroy();
      },
    ],
    [
      'is reset in the middle',
      [['Content-Length', String(4 * MiB)]],
      async (socket) => {
        socket.write(Buffer.alloc(MiB));
        await pause(100);
        socket.resetAndDestroy();
      },
    ],
    [
      'has a chunk of no number',
      [['Transfer-Encoding', 'chunked']],
      (socket) => void socket.write('5\r\nhello\r\nzz\r\n'),
    ],
    [
      'has a chunk of 2^70 bytes',
      [['Transfer-Encoding', 'chunked']],
      (socket) => void socket.write('5\r\nhello\r\nffffffffffffffffff\r\n'),
    ],
    [
      'has a chunk with 64 KiB of extensions',
      [['Transfer-Encoding', 'chunked']],
      (socket) => void socket.write(`5;${'x'.repeat(64 * KiB)}\r\nhello\r\n`),
    ],
    [
      'has a chunk longer than it says',
      [['Transfer-Encoding', 'chunked']],
      (socket) => void socket.write('5\r\nhello world\r\n0\r\n\r\n'),
    ],
    [
      'never has its last chunk',
      [['Transfer-Encoding', 'chunked']],
      (socket) => void socket.end('5\r\nhello\r\n'),
    ],
  ];
  for (const [title, headers, send] of cuts)
    test(`image data that ${title}: the image is killed and nothing is left`, () =>
      harmless(async () => {
        const { answer, status } = await interrupted(headers, send);
        assert.ok(
          answer.status === 0 || (answer.status >= 400 && answer.status < 500),
          `${answer.status} ${answer.body}`,
        );
        assert.equal(status, 'killed');
      }));

  const objectCuts: readonly (readonly [string, Record<string, string>])[] = [
    ['an object', {}],
    ['a part', { partNumber: '1' }],
  ];
  for (const [what, part] of objectCuts)
    test(`${what} that is left in the middle leaves nothing`, () =>
      harmless(async () => {
        const query = { ...part };
        if (part['partNumber']) {
          const begun = await (
            await s3Ok(server.ready, { method: 'POST', path: '/kept/cut', query: { uploads: '' } })
          ).text();
          query['uploadId'] = /<UploadId>([^<]+)/.exec(begun)![1]!;
        }
        const earlier = stored();
        for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
          const headers = Object.entries(
            signS3(server.ready, { method: 'PUT', path: '/kept/cut', query, body: null }),
          );
          const text = new URLSearchParams(query).toString();
          const head = message(`PUT /kept/cut${text ? `?${text}` : ''}`, [
            ...headers,
            ['Content-Length', String(8 * MiB)],
          ]);
          const answer = await rawHttp(server.ready.bucket, {
            async send(socket) {
              socket.write(head);
              socket.write(Buffer.alloc(2 * MiB));
              await pause(100);
              socket[leave]();
            },
          });
          assert.ok(answer.status === 0 || answer.status === 400, `${answer.status} ${answer.body}`);
          await storeIs(earlier);
        }
        if (query['uploadId'])
          await s3Ok(server.ready, {
            method: 'DELETE',
            path: '/kept/cut',
            query: { uploadId: query['uploadId'] },
          });
      }));

  test('an object longer than its Content-Length: the rest is no request', () =>
    harmless(async () => {
      const smuggled = message(
        'DELETE /kept/object',
        Object.entries(signS3(server.ready, { method: 'DELETE', path: '/kept/nothing' })),
      );
      const headers = Object.entries(
        signS3(server.ready, { method: 'PUT', path: '/kept/object', body: 'kept' }),
      );
      const send = Buffer.concat([
        message('PUT /kept/object', [...headers, ['Content-Length', '4']], 'kept'),
        Buffer.from('rest'),
        smuggled,
      ]);
      const answer = await rawHttp(server.ready.bucket, { send, until: 'close', timeoutMs: 15_000 });
      assert.equal(answer.status, 200);
      assert.equal(await (await s3(server.ready, { method: 'GET', path: '/kept/object' })).text(), 'kept');
    }));

  test('aws-chunked garbage leaves nothing', () =>
    harmless(async () => {
      const earlier = stored();
      for (const body of [
        'zz\r\n',
        '5;chunk-signature=00\r\nhello\r\n',
        'ffffffffffffffff\r\n',
        `5;${'x'.repeat(64 * KiB)}\r\n`,
        '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:????\r\n\r\n',
      ]) {
        const headers = {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': '5',
          'x-amz-trailer': 'x-amz-checksum-crc32',
        };
        const answer = await s3Raw({ method: 'PUT', path: '/kept/chunked', body, headers });
        assert.ok(
          answer.status >= 400 && answer.status < 500,
          `${JSON.stringify(body.slice(0, 40))} ${answer.status} ${answer.body}`,
        );
        await storeIs(earlier);
      }
    }));

  test('Expect: 100-continue with bad credentials gets its refusal and no 100', () =>
    harmless(async () => {
      const expect: [string, string][] = [
        ['Expect', '100-continue'],
        ['Content-Length', String(100 * MiB)],
      ];
      const toApi = message(`PUT /v2/images/${image}/file`, [
        ['Host', host(server.ready.api)],
        ['X-Auth-Token', 'wrong'],
        octets,
        ...expect,
      ]);
      const refused = await rawHttp(server.ready.api, { send: toApi });
      assert.deepEqual(refused.statuses, [401]);
      const headers = Object.entries({
        ...signS3({ ...server.ready, secretKey: 'wrong' }, { method: 'PUT', path: '/kept/x', body: null }),
      });
      const toBucket = await rawHttp(server.ready.bucket, {
        send: message('PUT /kept/x', [...headers, ...expect]),
      });
      assert.deepEqual(toBucket.statuses, [403]);
    }));

  test('Expect: 100-continue with good credentials gets its 100 first', async () => {
    const headers = Object.entries(
      signS3(server.ready, { method: 'PUT', path: '/kept/object', body: 'kept' }),
    );
    const send = async (socket: Socket): Promise<void> => {
      socket.write(
        message('PUT /kept/object', [...headers, ['Expect', '100-continue'], ['Content-Length', '4']]),
      );
      socket.once('data', () => socket.write('kept'));
    };
    assert.deepEqual((await rawHttp(server.ready.bucket, { send })).statuses, [100, 200]);
  });
});

test('slow clients are given up: headers and bodies that come a byte at a time', { timeout: 150_000 }, () =>
  harmless(async () => {
    const trickle =
      (text: string) =>
      async (socket: Socket): Promise<void> => {
        for (const byte of text) {
          if (socket.destroyed) return;
          socket.write(byte);
          await pause(1000);
        }
      };
    const slowHead = (base: string) =>
      rawHttp(base, {
        timeoutMs: 60_000,
        send: trickle(`GET / HTTP/1.1\r\nHost: ${host(base)}\r\nX: ${'a'.repeat(200)}`),
      });
    const json = rawHttp(server.ready.api, {
      timeoutMs: 90_000,
      async send(socket) {
        socket.write(
          message('POST /v2/images', [
            ['Host', host(server.ready.api)],
            ['X-Auth-Token', token],
            ['Content-Length', '500'],
          ]),
        );
        await trickle(`{"name":"${'x'.repeat(480)}"}`)(socket);
      },
    });
    const data = interruptedSlowly();
    const object = rawHttp(server.ready.bucket, {
      timeoutMs: 120_000,
      async send(socket) {
        const headers = Object.entries(
          signS3(server.ready, { method: 'PUT', path: '/kept/slow', body: null }),
        );
        socket.write(message('PUT /kept/slow', [...headers, ['Content-Length', String(MiB)]]));
        await trickle('x'.repeat(200))(socket);
      },
    });
    const answers = await Promise.all([
      slowHead(server.ready.api),
      slowHead(server.ready.bucket),
      json,
      object,
    ]);
    for (const answer of answers)
      assert.ok([0, 400, 408].includes(answer.status), `${answer.status} ${answer.body}`);
    assert.equal((await data).status, 'killed');
  }),
);

/** Image data at a byte a second. */
async function interruptedSlowly(): Promise<{ status: string }> {
  return await interrupted(
    [['Content-Length', String(MiB)]],
    async (socket) => {
      while (!socket.destroyed) {
        socket.write('x');
        await pause(1000);
      }
    },
    120_000,
  );
}

test('after all of it nothing in the log is a failure of ours', () => {
  assert.equal(server.process.exitCode, null);
  assert.doesNotMatch(server.log(), /"level":(50|60)/);
});
