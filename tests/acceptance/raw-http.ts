/** HTTP by hand over a socket: what no client library would send. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface RawAnswer {
  /** 0 when the server closed without a word. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Statuses of every answer that came, 1xx too. */
  readonly statuses: readonly number[];
  readonly closed: boolean;
}

export interface RawRequest {
  /** What to send; a function writes for itself, and may end or destroy the socket. */
  readonly send: string | Buffer | ((socket: Socket) => void | Promise<void>);
  /** Close our side after sending. */
  readonly end?: boolean;
  readonly timeoutMs?: number;
  /** Stop listening at the first whole answer (default), or when the server closes. */
  readonly until?: 'answer' | 'close';
}

/**
 * Send and wait.
 * @throws {Error} when neither an answer nor the end comes in time
 */
export async function rawHttp(base: string, request: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(base);
  const { timeoutMs = 10_000, until = 'answer' } = request;
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received = Buffer.alloc(0);
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(received, closed));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`no answer in ${timeoutMs} ms; received ${JSON.stringify(received.toString('latin1'))}`),
      );
    }, timeoutMs);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (until === 'answer' && isWhole(received)) finish(false);
    });
    socket.on('error', () => finish(true)); // reset: what came before it counts
    socket.on('close', () => finish(true));
    socket.on('connect', () => {
      if (typeof request.send === 'function') Promise.resolve(request.send(socket)).catch(reject);
      else socket.write(request.send);
      if (request.end) socket.end();
    });
  });
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly bodyAt: number;
}

function headAt(bytes: Buffer, from: number): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', from, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? Number.NaN);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status, headers, bodyAt: end + 4 };
}

/** The first answer that is no 1xx, if all of it is there. */
function isWhole(bytes: Buffer): boolean {
  for (let at = 0; ;) {
    const head = headAt(bytes, at);
    if (!head) return false;
    if (head.status >= 200) return bytes.length - head.bodyAt >= Number(head.headers['content-length'] ?? 0);
    at = head.bodyAt;
  }
}

function parse(bytes: Buffer, closed: boolean): RawAnswer {
  const statuses: number[] = [];
  let last: Head | undefined;
  let body = '';
  for (let at = 0; at < bytes.length;) {
    const head = headAt(bytes, at);
    if (!head) break;
    statuses.push(head.status);
    const length =
      head.status < 200 ? 0 : Number(head.headers['content-length'] ?? bytes.length - head.bodyAt);
    if (head.status >= 200 && !last) {
      last = head;
      body = bytes.toString('utf8', head.bodyAt, head.bodyAt + length);
    }
    at = head.bodyAt + length;
  }
  return { status: last?.status ?? 0, headers: last?.headers ?? {}, body, statuses, closed };
}

/** A request as text; `headers` may hold what it likes. */
export function message(
  line: string,
  headers: readonly (readonly [name: string, value: string])[],
  body: string | Buffer = '',
): Buffer {
  const head = [`${line} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''].join(
    '\r\n',
  );
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
}
