import type { Server } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * `Expect: 100-continue` is judged before it is granted: the request goes through routing and
 * credentials first, and whoever reads the body asks for it (`grantContinue`).
 */
export function judgeExpectations(app: FastifyInstance): void {
  const server = app.server as Server;
  server.on('checkContinue', (request, response) => app.routing(request, response));
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { 'Content-Length': 0, Connection: 'close' }).end();
  });
}

/** Ask the client for its body if it waits to be asked. Call before the first read. */
export function grantContinue(request: FastifyRequest, reply: FastifyReply): void {
  const expectation = request.headers.expect;
  if (typeof expectation !== 'string' || expectation.toLowerCase() !== '100-continue') return;
  if (reply.raw.headersSent || request.raw.readableEnded) return;
  reply.raw.writeContinue();
  delete request.raw.headers.expect; // granted once; what is left unread is now on its way
}
