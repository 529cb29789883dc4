/** What is wrong with a request as HTTP, before any rule of `core` is asked. */
export type HttpFaultKind =
  | 'route-unknown'
  | 'method-not-allowed'
  | 'url-malformed'
  | 'body-too-large'
  | 'body-slow'
  | 'body-cut-short'
  | 'media-type-unsupported'
  | 'range-unsatisfiable'
  | 'range-unsupported';

const statuses: Readonly<Record<HttpFaultKind, number>> = {
  'route-unknown': 404,
  'method-not-allowed': 405,
  'url-malformed': 400,
  'body-too-large': 413,
  'body-slow': 408,
  'body-cut-short': 400,
  'media-type-unsupported': 415,
  'range-unsatisfiable': 416,
  'range-unsupported': 400,
};

/** A request is wrong as HTTP. Each dialect words it in its own body; status and headers are the same in all. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  readonly kind: HttpFaultKind;
  readonly status: number;
  /** Headers of the answer, e.g. `Allow`, `Content-Range`. */
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    kind: HttpFaultKind,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.kind = kind;
    this.status = statuses[kind];
    this.headers = headers;
  }
}
