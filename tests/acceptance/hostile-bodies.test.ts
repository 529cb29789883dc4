/**
 * Bodies that are not what they say, clients that vanish in the middle, and clients that take their time:
 * nothing of them stays, and the server answers others meanwhile.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Running } from '../harness.ts';
import type { Call } from './account.ts';
import { s3, s3Ok, signS3 } from './bucket.ts';
import { hostOf } from './hostile/requests.ts';
import { Target } from './hostile/target.ts';
import { message, rawHttp } from './raw-http.ts';
import type { RawAnswer } from './raw-http.ts';

const KiB = 1024;
const MiB = KiB * KiB;
const octets: readonly [string, string] = ['Content-Type', 'application/octet-stream'];

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
  const earlier = target.stored();
  const head = message(`PUT /v2/images/${id}/file`, [
    ['Host', hostOf(server.ready.api)],
    ['X-Auth-Token', target.token],
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
  await target.storeIs(earlier);
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
        const earlier = target.stored();
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
          await target.storeIs(earlier);
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
      const path = '/kept/longer';
      const smuggled = message(
        'DELETE /kept/object',
        Object.entries(signS3(server.ready, { method: 'DELETE', path: '/kept/nothing' })),
      );
      const headers = Object.entries(signS3(server.ready, { method: 'PUT', path, body: 'kept' }));
      const send = Buffer.concat([
        message(`PUT ${path}`, [...headers, ['Content-Length', '4']], 'kept'),
        Buffer.from('rest'),
        smuggled,
      ]);
      const answer = await rawHttp(server.ready.bucket, { send, until: 'close', timeoutMs: 15_000 });
      assert.equal(answer.status, 200);
      assert.equal(await (await s3(server.ready, { method: 'GET', path })).text(), 'kept');
      await s3Ok(server.ready, { method: 'DELETE', path });
    }));

  test('aws-chunked garbage leaves nothing', () =>
    harmless(async () => {
      const earlier = target.stored();
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
        const answer = await target.s3({ method: 'PUT', path: '/kept/chunked', body, headers });
        assert.ok(
          answer.status >= 400 && answer.status < 500,
          `${JSON.stringify(body.slice(0, 40))} ${answer.status} ${answer.body}`,
        );
        await target.storeIs(earlier);
      }
    }));

  test('Expect: 100-continue with bad credentials gets its refusal and no 100', () =>
    harmless(async () => {
      const expect: [string, string][] = [
        ['Expect', '100-continue'],
        ['Content-Length', String(100 * MiB)],
      ];
      const toApi = message(`PUT /v2/images/${image}/file`, [
        ['Host', hostOf(server.ready.api)],
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
    const path = '/kept/continued';
    const headers = Object.entries(signS3(server.ready, { method: 'PUT', path, body: 'kept' }));
    const send = async (socket: Socket): Promise<void> => {
      socket.write(message(`PUT ${path}`, [...headers, ['Expect', '100-continue'], ['Content-Length', '4']]));
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
        send: trickle(`GET / HTTP/1.1\r\nHost: ${hostOf(base)}\r\nX: ${'a'.repeat(200)}`),
      });
    const json = rawHttp(server.ready.api, {
      timeoutMs: 90_000,
      async send(socket) {
        socket.write(
          message('POST /v2/images', [
            ['Host', hostOf(server.ready.api)],
            ['X-Auth-Token', target.token],
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
