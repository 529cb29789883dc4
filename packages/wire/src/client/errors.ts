/** The server could not be reached, or the connection broke; trying again may help. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The server answered, and said no. `code` is the dialect's own (`IMG.0057`, `NoSuchBucket`, `401`). */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A fetch that failed below HTTP says so in words: `connect ECONNREFUSED 127.0.0.1:8774`. */
export async function reach(url: string, work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    const cause = (error as { cause?: { message?: string; code?: string } }).cause;
    const reason = cause?.message || cause?.code || (error as Error).message;
    throw new UnreachableError(`${new URL(url).origin} could not be reached: ${reason}`, { cause: error });
  }
}

/** Turn a failed answer of any dialect into a `RefusedError`; 5xx and 429 count as unreachable. */
export async function refused(response: Response, what: string): Promise<RefusedError | UnreachableError> {
  const text = (await response.text().catch(() => '')).slice(0, 64 * 1024);
  const { code, message } = parseRefusal(text, response);
  const words = `${what}: ${message} (${code})`;
  if (response.status >= 500 || response.status === 429) return new UnreachableError(words);
  return new RefusedError(response.status, code, words);
}

function parseRefusal(text: string, response: Response): { code: string; message: string } {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const error = body['error'] as { code?: unknown; message?: unknown } | undefined;
    if (error) return { code: String(error.code ?? response.status), message: String(error.message ?? '') };
    if (body['error_code'])
      return { code: String(body['error_code']), message: String(body['error_msg'] ?? '') };
  } catch {
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
    const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1];
    if (code) return { code, message: message ?? '' };
  }
  return { code: String(response.status), message: response.statusText || 'no reason given' };
}
