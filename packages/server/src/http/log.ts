import type { FastifyReply, FastifyRequest } from 'fastify';

/** Query parameters that are, or prove the possession of, a secret (presigned URLs). */
const secretParameters =
  /([?&](?:x-amz-(?:signature|credential|security-token)|signature|awsaccesskeyid|accesskeyid|x-obs-security-token)=)[^&#]*/gi;

/** A URL as it may stand in a log: signatures and keys cut out, at most 2,000 characters. */
export function loggableUrl(url: string): string {
  return url.replace(secretParameters, '$1-').slice(0, 2000);
}

/**
 * Paths that pino replaces before a line is written, whatever object was handed over.
 * The access log itself never contains headers or bodies.
 */
export const redactedPaths = [
  'authorization',
  'x-auth-token',
  'x-subject-token',
  'x-security-token',
  'x-amz-security-token',
  'x-obs-security-token',
  'cookie',
  'password',
  'original_password',
  'secret',
  'secretKey',
  'token',
].flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`, `*.body["${name}"]`]);

/** Serializers of the two objects that a log line may hold: neither shows a header. */
export const logSerializers = {
  req: (request: FastifyRequest) => ({
    method: request.method,
    url: loggableUrl(request.url),
    host: request.host,
    remote: request.ip,
  }),
  res: (reply: FastifyReply) => ({ status: reply.statusCode }),
};
