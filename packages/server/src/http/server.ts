import { Fastify } from './fastify.ts';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from './fastify.ts';
import { judgeExpectations } from './continue.ts';
import { bodyIsUnread, lingerAfterAnswer } from './linger.ts';
import { loggableUrl } from './log.ts';
import { parseQuery } from './query.ts';
import { requestIdOf } from './request-id.ts';

/** A client has this long to send its header, and this long in silence between requests. */
const HEADERS_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;

export interface HttpServerOptions {
  /** A pino logger, or none. */
  readonly logger?: FastifyBaseLogger | undefined;
  /** Addresses whose `X-Forwarded-*` headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Words an error that no route can word: a URL that can't be decoded, for one. */
  readonly onFault: (error: Error, request: FastifyRequest) => WireAnswer;
}

/** An answer ready to be written. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The Fastify instance under every listener: request ids, time-outs for slow clients, expectations
 * judged before bodies, lingering close, one access line per request, `JSON.stringify` as serializer.
 * Adds no body parser and no route; dialects bring theirs.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : { logger: false }),
    logController: new Fastify.LogController({ disableRequestLogging: true }),
    genReqId: (raw) => requestIdOf(raw as never),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    // Schemas document; dialects parse with their own words. Fastify's compilers are not even loaded.
    schemaController: {
      compilersFactory: {
        buildValidator: (() => () => () => true) as never, // its type names Ajv's own functions
        buildSerializer: () => () => (payload: unknown) => JSON.stringify(payload),
      },
    },
    return503OnClosing: false, // a request that got in is answered, and its connection closed
    forceCloseConnections: 'idle',
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0, // bodies may take hours; http/body.ts watches their pace
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 2000 },
    routerOptions: { maxParamLength: 4096, querystringParser: parseQuery },
    frameworkErrors: (error, request, reply) => {
      const answer = options.onFault(error as Error, request as never);
      nameRequest(request as never, reply as never); // no hook runs here
      (reply as FastifyReply).code(answer.status).headers(answer.headers).send(answer.body);
    },
    clientErrorHandler: answerUnparsable,
  });
  app.removeAllContentTypeParsers();
  app.setReplySerializer((payload) => JSON.stringify(payload));
  judgeExpectations(app);
  app.addHook('onRequest', async ({ raw }) => {
    // What names no media type says nothing; Fastify would refuse it before any dialect is asked.
    const type = raw.headers['content-type'];
    if (type !== undefined && !mediaType.test(type)) delete raw.headers['content-type'];
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    nameRequest(request, reply);
    if (bodyIsUnread(request.raw)) lingerAfterAnswer(request.raw, reply.raw);
    if (closing && !reply.raw.headersSent) reply.header('connection', 'close');
    return payload;
  });
  app.addHook('onResponse', async (request, reply) => {
    // A download that began before the stop leaves an idle connection behind when it ends.
    if (closing) setImmediate(() => app.server.closeIdleConnections());
    request.log.info(
      {
        method: request.method,
        url: loggableUrl(request.url),
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        remote: request.ip,
        ...(request.actor ? { audit: request.actor.auditId, project: request.actor.projectId } : {}),
      },
      'request',
    );
  });
  return app;
}

const mediaType = /^\s*[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;|$)/;

function nameRequest(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id).header('x-openstack-request-id', request.id);
}

/** What isn't HTTP at all, or has a header too large or too slow: a plain answer and the end. */
function answerUnparsable(error: NodeJS.ErrnoException, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/**
 * Stop accepting, let running answers finish for at most `drainMs`, then cut what is left.
 * Resolves when every connection is closed.
 */
export async function drainServer(app: FastifyInstance, drainMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
