/** A parsed query: names to a value, or to all values of a repeated name in order. */
export type Query = Record<string, string | string[]>;

const malformed = Symbol('malformed query');

/**
 * Parse a query string: `+` is a space, every name once or as an array; no prototype.
 * Bad percent-encoding can't be thrown from inside the router, so it is marked (`isMalformed`).
 */
export function parseQuery(text: string): Query {
  const query = Object.create(null) as Query & { [malformed]?: true };
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const cut = pair.indexOf('=');
    try {
      const name = decode(cut < 0 ? pair : pair.slice(0, cut));
      const value = cut < 0 ? '' : decode(pair.slice(cut + 1));
      const known = query[name];
      if (known === undefined) query[name] = value;
      else if (typeof known === 'string') query[name] = [known, value];
      else known.push(value);
    } catch {
      Object.defineProperty(query, malformed, { value: true });
    }
  }
  return query;
}

const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

/** Was there percent-encoding that isn't UTF-8? */
export const isMalformed = (query: unknown): boolean =>
  typeof query === 'object' && query !== null && malformed in query;

/** The last value of a name (a repeated parameter counts once), or undefined. */
export function lastValue(query: Query, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value.at(-1) : value;
}

/** All values of a name in order. */
export function allValues(query: Query, name: string): string[] {
  const value = query[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
