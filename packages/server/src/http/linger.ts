import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What an answer that comes before the body still reads of it, so that the client sees the answer. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 2000;

/** Does the client still owe (part of) a body? */
export function bodyIsUnread(request: IncomingMessage): boolean {
  if (request.complete) return false;
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}

/**
 * Answering before the body was read: announce `Connection: close` and, once the answer is out,
 * half-close and read on for at most 1 MiB or 2 s. Closing at once would reset the connection,
 * and the client would lose the answer; reading to the end would let it send terabytes for nothing.
 * A body that never was asked for (`Expect: 100-continue`) or that is short is simply read to its end.
 */
export function lingerAfterAnswer(request: IncomingMessage, response: ServerResponse): void {
  if (!bodyIsUnread(request)) return;
  const announced = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  const waiting = request.headers.expect !== undefined;
  if (announced <= LINGER_BYTES && !waiting) return; // node reads the rest and keeps the connection
  if (!response.headersSent) response.setHeader('Connection', 'close');
  const socket = request.socket;
  const limit = socket.bytesRead + LINGER_BYTES;
  // Node calls destroySoon once the last answer of a connection is written.
  socket.destroySoon = () => linger(socket, limit);
}

function linger(socket: Socket, limitBytes: number): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  const check = setInterval(() => {
    if (socket.bytesRead > limitBytes) socket.destroy();
  }, 20);
  socket.once('close', () => {
    clearTimeout(timer);
    clearInterval(check);
  });
  socket.once('end', () => socket.destroy());
  socket.end();
}
