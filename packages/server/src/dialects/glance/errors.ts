import { DomainError } from '@imageyard/core';
import { DiskError } from '@imageyard/engine';
import { challenge, credentialText, gatewayAnswer, isCredentialKind } from '../../errors/gateway.ts';
import { errorRow } from '../../errors/table.ts';
import { HttpFault } from '../../http/faults.ts';
import type { FastifyRequest } from '../../http/fastify.ts';
import type { WireAnswer } from '../../http/server.ts';
import { glanceText } from './texts.ts';
import type { ImageDialect } from './view.ts';

/** A rule of the Glance request itself is broken; `core` is not asked. The text is Glance's own. */
export class GlanceError extends Error {
  override readonly name = 'GlanceError';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * An error as the Glance API words it: always `{"error":{"code","message"}}`, whatever `Accept` says.
 * A flat object of strings, Glance's own JSON, crashes python-glanceclient.
 */
export function glanceAnswer(
  error: unknown,
  request: FastifyRequest,
  { dialect, identityUrl }: { readonly dialect: ImageDialect; readonly identityUrl: string },
): WireAnswer {
  if (error instanceof GlanceError)
    return glanceBody(error.status, String(error.status), error.message, error.headers);
  if (error instanceof HttpFault)
    return glanceBody(error.status, String(error.status), error.message, error.headers);
  if (error instanceof DomainError || error instanceof DiskError) {
    const facts = error instanceof DomainError ? error.facts : {};
    if (isCredentialKind(error.kind)) {
      const text = credentialText(error.kind, facts);
      return gatewayAnswer(401, 'APIGW.0301', text, request.id, challenge(identityUrl));
    }
    const { glance } = errorRow(error.kind, facts);
    if (glance !== null && error.kind !== 'internal') {
      const [status, code] = statusAndCode(glance, error.kind, dialect);
      if (status === 204) return { status, headers: {}, body: '' };
      return glanceBody(status, code, glanceText(error, facts, request) ?? error.message);
    }
  }
  request.log.error({ err: error }, 'unexpected error');
  const message = `The server has either erred or is incapable of performing the requested operation; its log has the cause under ${request.id}.`;
  return glanceBody(500, '500', message);
}

/** Plain Glance knows no IMG codes, and answers 413 where a quota is used up. */
function statusAndCode(
  row: number | readonly [status: number, code: string],
  kind: string,
  dialect: ImageDialect,
): readonly [status: number, code: string] {
  if (typeof row === 'number') return [row, String(row)];
  if (dialect === 'otc') return row;
  const status = kind === 'quota-exceeded' ? 413 : row[0];
  return [status, String(status)];
}

function glanceBody(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error: { code, message } }),
  };
}
