/** What is hardly HTTP, as text for a socket. */
import { hostOf } from './requests.ts';

const KiB = 1024;

type Raw = (base: string) => string | Buffer;
export const framing: readonly (readonly [title: string, send: Raw, status: number | readonly number[]])[] = [
  [
    'headers of more than 64 KiB',
    (b) => `GET / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nX: ${'a'.repeat(70 * KiB)}\r\n\r\n`,
    [400, 431],
  ],
  [
    '10 000 headers',
    (b) => `GET / HTTP/1.1\r\nHost: ${hostOf(b)}\r\n${'a: b\r\n'.repeat(20_000)}\r\n`,
    [400, 431],
  ],
  [
    'a URL of 100 KiB',
    (b) => `GET /${'a'.repeat(100 * KiB)} HTTP/1.1\r\nHost: ${hostOf(b)}\r\n\r\n`,
    [400, 414, 431],
  ],
  ['a header with NUL', (b) => `GET / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nX: a\0b\r\n\r\n`, 400],
  ['a folded header', (b) => `GET / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nX: a\r\n b\r\n\r\n`, [300, 400, 403]],
  ['no Host', () => 'GET / HTTP/1.1\r\n\r\n', 400],
  [
    'two Content-Lengths',
    (b) => `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    400,
  ],
  [
    'a negative Content-Length',
    (b) => `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nContent-Length: -1\r\n\r\n`,
    400,
  ],
  [
    'a Content-Length of 40 digits',
    (b) => `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nContent-Length: ${'9'.repeat(40)}\r\n\r\n`,
    400,
  ],
  [
    'Content-Length and Transfer-Encoding',
    (b) =>
      `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding and Content-Length',
    (b) =>
      `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding: chunked, identity',
    (b) => `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    'a space before the colon',
    (b) => `POST / HTTP/1.1\r\nHost: ${hostOf(b)}\r\nContent-Length : 4\r\n\r\nabcd`,
    400,
  ],
  ['lines without CR', (b) => `GET / HTTP/1.1\nHost: ${hostOf(b)}\n\n`, [300, 400, 403]],
  ['HTTP/2 without asking', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a TLS greeting', () => Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0]), 400],
  ['noise', () => Buffer.alloc(4096, 0xa5), 400],
  ['an unknown method', (b) => `FROBNICATE / HTTP/1.1\r\nHost: ${hostOf(b)}\r\n\r\n`, 400],
  ['an unknown version', (b) => `GET / HTTP/9.9\r\nHost: ${hostOf(b)}\r\n\r\n`, 400],
  ['CONNECT', (b) => `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: ${hostOf(b)}\r\n\r\n`, [0, 400, 404, 405]],
];
