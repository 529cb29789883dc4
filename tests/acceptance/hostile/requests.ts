/** Line with method and target, body, headers. */
export type ApiRequest = readonly [
  line: string,
  body?: string | Buffer,
  headers?: readonly (readonly [string, string])[],
];

/** Host and port of a base address. */
export const hostOf = (base: string): string => new URL(base).host;
