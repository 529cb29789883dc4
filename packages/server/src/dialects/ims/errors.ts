import { DomainError } from '@imageyard/core';
import type { ErrorKind } from '@imageyard/core';
import { DiskError } from '@imageyard/engine';
import { fillText, imsCode } from '@imageyard/wire';
import { credentialText, gatewayAnswer, gatewayFault, isCredentialKind } from '../../errors/gateway.ts';
import { errorRow } from '../../errors/table.ts';
import { HttpFault } from '../../http/faults.ts';
import type { FastifyRequest } from '../../http/fastify.ts';
import type { WireAnswer } from '../../http/server.ts';

/** A rule of the IMS request itself is broken; `core` is not asked. Status and text come from the code list. */
export class ImsError extends Error {
  override readonly name = 'ImsError';
  readonly code: string;
  /** @param code of the documented list @param detail our own sentence, added to the documented text */
  constructor(code: string, detail?: string) {
    super(detail ?? '');
    this.code = code;
  }
}

/** An error as the IMS API words it. */
export function imsAnswer(error: unknown, request: FastifyRequest): WireAnswer {
  if (error instanceof ImsError) return codeAnswer(error.code, {}, error.message);
  if (error instanceof HttpFault) {
    if (error.kind === 'url-malformed' || error.kind === 'body-cut-short') return codeAnswer('IMG.0001');
    return gatewayFault(error, request.id);
  }
  if (error instanceof DomainError || error instanceof DiskError) {
    const facts = error instanceof DomainError ? error.facts : {};
    if (isCredentialKind(error.kind))
      return gatewayAnswer(401, 'APIGW.0301', credentialText(error.kind, facts), request.id);
    const { ims } = errorRow(error.kind, facts);
    if (ims !== null && error.kind !== 'internal')
      return codeAnswer(ims, facts, ownSentence(error), statusOf(error.kind, facts, request));
  }
  request.log.error({ err: error }, 'unexpected error');
  const message = `The server failed to answer the request; its log has the cause under ${request.id}.`;
  return imsBody(500, '500', message);
}

/** An image that the path names is 404, one named in body or query 400 (register page over error table). */
function statusOf(
  kind: ErrorKind,
  facts: Readonly<Record<string, unknown>>,
  request: FastifyRequest,
): number | undefined {
  if (kind !== 'image-not-found') return undefined;
  const named = (request.params as { image_id?: string } | null)?.image_id;
  if (named === undefined) return undefined;
  const missing = facts['imageId'] ?? facts['id'];
  return missing === undefined || String(missing).toLowerCase() === named.toLowerCase() ? 404 : undefined;
}

/** Kinds whose fault lies in what the caller gave: our own sentence follows the documented text. */
export const contentKinds: ReadonlySet<string> = new Set<ErrorKind>([
  'request-malformed',
  'value-invalid',
  'image-attribute-read-only',
  'image-attribute-reserved',
  'image-attribute-absent',
  'image-attribute-present',
  'source-too-large',
  'source-changed',
  'format-not-writable',
  'min-disk-too-small',
  'virtual-size-too-large',
  'job-cancelled',
]);

/** What, where, way out: added for content and field faults, others are said fully by their code. */
export function ownSentence(error: DomainError | DiskError): string {
  return error instanceof DiskError || contentKinds.has(error.kind) ? error.message : '';
}

/** The documented text of a code, then one blank and our own sentence when there is one. */
export function imsText(code: string, facts: Readonly<Record<string, unknown>>, detail: string): string {
  const documented = fillText(imsCode(code).message, facts);
  return detail === '' ? documented : `${documented} ${detail}`;
}

function codeAnswer(
  code: string,
  facts: Readonly<Record<string, unknown>> = {},
  detail = '',
  status = imsCode(code).status,
): WireAnswer {
  return imsBody(status, code, imsText(code, facts, detail));
}

function imsBody(status: number, code: string, message: string): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { message, code } }),
  };
}
