import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Blobs, Buckets } from '@imageyard/core';
import { createGateway } from './gateway.ts';
import type { GatewayConfig } from './gateway.ts';
import type { KeyStore } from './auth/authenticate.ts';

/** Everything a client may put into its headers (Node's own bound is 16 KiB). */
const headerLimitBytes = 64 * 1024;
const headersMs = 20_000;
const keepAliveMs = 65_000;

export interface BucketServerCore {
  readonly buckets: Buckets;
  readonly blobs: Blobs;
  readonly identity: KeyStore;
}

export interface BucketServer {
  readonly server: Server;
  /** Stop accepting, let running requests finish for at most `drainMs`, then cut what is left. */
  close(drainMs: number): Promise<void>;
}

/** What isn't HTTP, or has headers too large or too slow: a plain document and the end. */
function answerUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['400 Bad Request', 'RequestHeaderSectionTooLarge']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'RequestTimeout']
        : ['400 Bad Request', 'InvalidRequest'];
  const id = randomBytes(8).toString('hex').toUpperCase();
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>The request is not well-formed HTTP.</Message><RequestId>${id}</RequestId></Error>`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nx-amz-request-id: ${id}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * The listener for S3 and OBS clients: plain HTTP, since paths have to be taken as they were sent.
 * The caller lets `server` listen.
 */
export function createBucketServer(core: BucketServerCore, config: GatewayConfig): BucketServer {
  const gateway = createGateway(core, config);
  const running = new Map<Socket, ServerResponse>();
  let isClosing = false;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    running.set(socket, response);
    response.once('close', () => {
      if (running.get(socket) === response) running.delete(socket);
    });
    if (isClosing) response.setHeader('Connection', 'close');
    void gateway(request, response);
  };
  const server = createServer({
    maxHeaderSize: headerLimitBytes,
    headersTimeout: headersMs,
    requestTimeout: 0, // bodies may take hours; their pace is watched
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: 2000,
    noDelay: true,
  });
  server.on('request', handle);
  server.on('checkContinue', handle); // judged before the client is asked for its body
  server.on('checkExpectation', handle); // expectations that nobody knows are ignored, as S3 does
  server.on('clientError', (error, socket: Socket) => {
    const response = running.get(socket);
    if (response?.req.complete) {
      // Rubbish behind a request that is being answered: its answer is the last one.
      if (!response.headersSent) response.setHeader('Connection', 'close');
      response.once('close', () => socket.destroy());
    } else answerUnparsable(error, socket);
  });
  return {
    server,
    close(drainMs) {
      isClosing = true;
      for (const response of running.values())
        if (!response.headersSent) response.setHeader('Connection', 'close');
      return new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), drainMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}
