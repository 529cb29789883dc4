import type { Readable } from 'node:stream';
import type { DialectName } from './headers.ts';
import { document, element } from './xml/write.ts';
import type { Element } from './xml/write.ts';

/** An answer of a verb, before the headers that every answer has. */
export interface Answer {
  readonly status: number;
  /** By lower-case name; undefined ones are left out. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Readable;
  /** Length of the body; for HEAD, of what GET would send. */
  readonly length?: number;
}

const namespaces: Readonly<Record<DialectName, string>> = {
  s3: 'http://s3.amazonaws.com/doc/2006-03-01/',
  obs: 'http://obs.example.com/doc/2015-06-30/',
};

/** A document of the dialect's namespace. */
export function xmlAnswer(
  dialect: DialectName,
  root: string,
  children: readonly (Element | undefined)[] | string,
  headers: Readonly<Record<string, string | undefined>> = {},
): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: document(element(root, children, { xmlns: namespaces[dialect] })),
  };
}

/** Only headers. */
export const emptyAnswer = (
  status: number,
  headers: Readonly<Record<string, string | undefined>> = {},
): Answer => ({ status, headers, body: '' });

/** `2026-11-24T08:10:44.123Z` */
export const xmlTime = (ms: number): string => new Date(ms).toISOString();

/** `Tue, 24 Nov 2026 08:10:44 GMT` */
export const httpTime = (ms: number): string => new Date(ms).toUTCString();

export const quoted = (etag: string): string => `"${etag}"`;

/** An ETag as clients send it: quoted, bare or weak. */
export const unquoted = (etag: string): string => etag.trim().replace(/^(?:W\/)?"?(.*?)"?$/, '$1');
