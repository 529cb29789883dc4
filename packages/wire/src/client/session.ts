import { reach, refused, RefusedError } from './errors.ts';

/** Where a server is and who asks: a ready file, or the `OS_*` and `AWS_*` variables. */
export interface Connection {
  /** Keystone's URL, ending in `/v3`. */
  readonly identity: string;
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  readonly project: {
    readonly id?: string | undefined;
    readonly name?: string | undefined;
    readonly domain?: string | undefined;
  };
  readonly region?: string | undefined;
  /** Overrides of what the catalogue says. */
  readonly api?: string | undefined;
  readonly bucket?: string | undefined;
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
}

interface CatalogEntry {
  type: string;
  endpoints: { interface: string; region?: string; url: string }[];
}

/** A logged-in client: a token that is renewed once when the server no longer takes it. */
export class Session {
  readonly connection: Connection;
  #token = '';
  #projectId = '';
  #catalog: CatalogEntry[] = [];

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /** @throws {UnreachableError} {@link RefusedError} 401 */
  static async open(connection: Connection): Promise<Session> {
    const session = new Session(connection);
    await session.#login();
    return session;
  }

  get token(): string {
    return this.#token;
  }

  get projectId(): string {
    return this.#projectId;
  }

  /** The API's URL without a trailing slash. */
  get api(): string {
    return this.connection.api ?? this.#endpoint('image');
  }

  /** The bucket listener's URL without a trailing slash. */
  get bucket(): string {
    return this.connection.bucket ?? this.#endpoint('object');
  }

  /**
   * Send a request to the API with the token; one new login after a 401.
   * @throws {UnreachableError} {@link RefusedError} unless the answer is `ok`
   */
  async request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const url = `${this.api}${path}`;
    const send = (): Promise<Response> =>
      reach(url, () =>
        fetch(url, {
          method,
          headers: {
            'x-auth-token': this.#token,
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(signal ? { signal } : {}),
        }),
      );
    let response = await send();
    if (response.status === 401) {
      await response.body?.cancel();
      await this.#login();
      response = await send();
    }
    if (!response.ok) throw await refused(response, `${method} ${path}`);
    return response;
  }

  async json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return (await (await this.request(method, path, body, signal)).json()) as T;
  }

  async #login(): Promise<void> {
    const { identity, user, domain, password, project } = this.connection;
    const url = `${identity.replace(/\/+$/, '')}/auth/tokens`;
    const scope = project.id
      ? { id: project.id }
      : { name: project.name, domain: { name: project.domain ?? domain } };
    const body = {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: user, domain: { name: domain }, password } },
        },
        scope: { project: scope },
      },
    };
    const response = await reach(url, () =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
    if (!response.ok) throw await refused(response, `log in as ${user} at ${identity}`);
    const token = response.headers.get('x-subject-token');
    const answer = (await response.json()) as {
      token?: { project?: { id: string }; catalog?: CatalogEntry[] };
    };
    if (!token || !answer.token?.project)
      throw new RefusedError(502, '502', `${identity} gave no project token`);
    this.#token = token;
    this.#projectId = answer.token.project.id;
    this.#catalog = answer.token.catalog ?? [];
  }

  #endpoint(type: string): string {
    const endpoints = this.#catalog.find((entry) => entry.type === type)?.endpoints ?? [];
    const region = this.connection.region;
    const found =
      endpoints.find((e) => e.interface === 'public' && (!region || e.region === region)) ??
      endpoints.find((e) => !region || e.region === region);
    if (!found)
      throw new RefusedError(
        404,
        '404',
        `the catalogue has no ${type} endpoint${region ? ` in region ${region}` : ''}`,
      );
    return found.url.replace(/\/+$/, '');
  }
}
