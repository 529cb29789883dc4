import type { DomainErrorKind } from '@imageyard/core';
import { fillText, imsCode } from '@imageyard/wire';
import type { HttpFault } from '../http/faults.ts';
import type { WireAnswer } from '../http/server.ts';

/** Part of the gateway's text for each way in which credentials fail (ims: error code APIGW.0301). */
const credentialHints = {
  'credentials-missing': 'x-auth-token not found',
  'credentials-wrong': 'decrypt token fail',
  'token-unknown': 'decrypt token fail',
  'token-expired': 'token expires',
  'key-unknown': 'not exist',
  'signature-mismatch': 'verify aksk signature fail',
  'signature-expired': 'signature expired',
  'signature-body-too-large': 'body too large',
} as const satisfies Partial<Record<DomainErrorKind, string>>;

type CredentialKind = keyof typeof credentialHints;

export const isCredentialKind = (kind: string): kind is CredentialKind =>
  Object.hasOwn(credentialHints, kind);

/** A text of the gateway whose placeholders are filled from an error's facts. */
export function credentialText(kind: CredentialKind, facts: Readonly<Record<string, unknown>>): string {
  const { access, expiresAt } = facts;
  const expires_at = typeof expiresAt === 'number' ? new Date(expiresAt).toISOString() : undefined;
  const message = imsCode('APIGW.0301', credentialHints[kind]).message;
  return fillText(message, { ...facts, ak: access, expires_at });
}

/** `{"error_msg","error_code","request_id"}`: credentials, routes and sizes are the gateway's to refuse. */
export function gatewayAnswer(
  status: number,
  code: string,
  message: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error_msg: message, error_code: code, request_id: requestId }),
  };
}

/** A fault of HTTP in the gateway's words. */
export function gatewayFault(fault: HttpFault, requestId: string): WireAnswer {
  const code = fault.kind === 'body-too-large' ? 'APIGW.0201' : 'APIGW.0101';
  const known =
    fault.kind === 'body-too-large' || fault.kind === 'route-unknown' || fault.kind === 'method-not-allowed';
  return gatewayAnswer(
    fault.status,
    known ? code : `APIGW.${String(fault.status).padStart(4, '0')}`,
    known ? imsCode(code).message : fault.message,
    requestId,
    fault.headers,
  );
}

/** `WWW-Authenticate` of a 401 on Glance and identity paths. */
export const challenge = (identityUrl: string): Readonly<Record<string, string>> => ({
  'www-authenticate': `Keystone uri="${identityUrl}"`,
});
