import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { bodyIsUnread, lingerAfterAnswer } from '../../http/linger.ts';
import type { Answer } from './answer.ts';
import type { Fault } from './errors.ts';
import { prefixOf } from './headers.ts';
import type { DialectName } from './headers.ts';
import type { Target } from './target.ts';
import { document, element } from './xml/write.ts';

export interface AnswerContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly dialect: DialectName;
  /** A client that takes nothing for so long is given up. */
  readonly idleMs: number;
}

const bodiless = (status: number): boolean => status === 204 || status === 304;

function writeHead({ request, response, requestId, dialect }: AnswerContext, answer: Answer): void {
  const prefix = prefixOf(dialect);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers[name] = value;
  headers[`${prefix}request-id`] = requestId;
  headers[`${prefix}id-2`] = randomBytes(24).toString('base64');
  const length =
    answer.length ?? (typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : undefined);
  if (length !== undefined && !bodiless(answer.status)) headers['content-length'] = String(length);
  if (bodyIsUnread(request)) {
    lingerAfterAnswer(request, response);
    request.resume(); // what still comes is read and dropped, up to the bound of lingering
  }
  response.writeHead(answer.status, headers);
}

async function sendStream({ response, idleMs }: AnswerContext, body: Readable): Promise<void> {
  const { socket } = response;
  socket?.setTimeout(idleMs); // Node closes the connection then; the next request sets its own
  try {
    await pipeline(body, response);
  } catch {
    socket?.destroy(); // too late for another answer: the client sees a body cut short
  }
}

/** Write an answer; resolves when it is out, or the client is gone. */
export async function writeAnswer(context: AnswerContext, answer: Answer): Promise<void> {
  const { request, response } = context;
  const { body } = answer;
  writeHead(context, answer);
  if (body === undefined || request.method === 'HEAD' || bodiless(answer.status)) {
    if (typeof body === 'object') body.destroy();
    response.end();
  } else if (typeof body === 'string') response.end(body);
  else await sendStream(context, body);
}

/** Write a failure as S3's error document, or as headers where there can be no body. */
export async function writeFault(
  context: AnswerContext,
  fault: Fault,
  target: Target | undefined,
): Promise<void> {
  const { request, response, requestId, dialect } = context;
  if (response.headersSent) {
    request.socket.destroy();
    return;
  }
  if (fault.status === 408) response.setHeader('Connection', 'close');
  const prefix = prefixOf(dialect);
  const code = dialect === 'obs' && fault.code === 'NotImplemented' ? 'ServiceNotImplemented' : fault.code;
  const body = document(
    element('Error', [
      element('Code', code),
      element('Message', fault.message),
      ...Object.entries(fault.facts).map(([name, value]) => element(name, value)),
      target ? element('Resource', resourceOf(target)) : undefined,
      element('RequestId', requestId),
      element('HostId', requestId),
    ]),
  );
  const isHead = request.method === 'HEAD';
  await writeAnswer(context, {
    status: fault.status,
    headers: {
      'content-type': 'application/xml',
      ...fault.headers,
      [`${prefix}error-code`]: isHead ? code : undefined,
      [`${prefix}error-message`]: isHead ? fault.message : undefined,
    },
    body,
    ...(isHead ? { length: 0 } : {}),
  });
}

const resourceOf = ({ bucket, key }: Target): string =>
  bucket === '' ? '/' : `/${bucket}/${key}`.replace(/\/$/, '');
