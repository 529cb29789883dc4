import type { IncomingMessage } from 'node:http';

/** Which words a client speaks: names of headers and the namespace of documents follow from it. */
export type DialectName = 's3' | 'obs';

export const prefixOf = (dialect: DialectName): 'x-amz-' | 'x-obs-' =>
  dialect === 'obs' ? 'x-obs-' : 'x-amz-';

/** Request headers by lower-case name; bytes as Latin-1 characters, repeats joined by a comma. */
export class Headers {
  readonly #values = new Map<string, string>();

  constructor(pairs: Iterable<readonly [name: string, value: string]>) {
    for (const [name, value] of pairs) {
      const key = name.toLowerCase();
      const before = this.#values.get(key);
      this.#values.set(key, before === undefined ? value : `${before},${value}`);
    }
  }

  static of(request: Pick<IncomingMessage, 'rawHeaders'>): Headers {
    const raw = request.rawHeaders;
    const pairs: [string, string][] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!]);
    return new Headers(pairs);
  }

  /** The same with one value replaced. */
  with(name: string, value: string): Headers {
    const copy = new Headers(this.#values);
    copy.#values.set(name, value);
    return copy;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** Names and values of the headers whose name starts so, by name. */
  startingWith(prefix: string): [name: string, value: string][] {
    return [...this.#values].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
