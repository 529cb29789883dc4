import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { createGate } from './gate.ts';

/** Cost of one hash: RFC 9106's second choice of memory, OWASP's of passes. */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

const current: Argon2Cost = { memoryKib: 19 * 1024, passes: 2, lanes: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Bounds on parameters read back from the database: a damaged row must not take the machine. */
const mostMemoryKib = 256 * 1024;
const mostPasses = 16;
const mostLanes = 16;

/** Hashes and checks passwords with argon2id, never more than a few at once. */
export interface Passwords {
  /** @returns PHC form `$argon2id$v=19$m=…,t=…,p=…$salt$hash` */
  hash(password: string): Promise<string>;
  /**
   * Check against `stored`; with undefined the answer is false after the same work, so that nobody
   * learns from the time who exists.
   */
  verify(password: string, stored: string | undefined): Promise<boolean>;
  /** Whether `stored` was made with other parameters than today's. */
  isOutdated(stored: string): boolean;
}

export interface PasswordsOptions {
  /** Hashes at the same time; they share the thread pool with file I/O. */
  readonly parallel?: number;
  /** Hashes that may wait; one more is refused with `login-busy`. */
  readonly waiting?: number;
  readonly cost?: Argon2Cost;
  /** Called before each hash is computed. */
  readonly onHash?: () => void;
}

export function createPasswords(options: PasswordsOptions = {}): Passwords {
  const cost = options.cost ?? current;
  const enter = createGate(options.parallel ?? 2, options.waiting ?? 64);
  const derive = async (password: string, salt: Uint8Array, with_: Argon2Cost): Promise<Buffer> =>
    await enter(async () => {
      options.onHash?.();
      return await argon2id(password, salt, with_);
    });
  // Costs as much as a real one and matches nothing.
  const dummy: Parsed = { cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      return format({ cost, salt, hash: await derive(password, salt, cost) });
    },
    async verify(password, stored) {
      const parsed = stored === undefined ? undefined : parse(stored);
      const against = parsed ?? dummy;
      const hash = await derive(password, against.salt, against.cost);
      return timingSafeEqual(hash, against.hash) && parsed !== undefined;
    },
    isOutdated(stored) {
      const parsed = parse(stored);
      return !parsed || JSON.stringify(parsed.cost) !== JSON.stringify(cost);
    },
  };
}

function argon2id(password: string, nonce: Uint8Array, cost: Argon2Cost): Promise<Buffer> {
  const parameters = {
    message: password,
    nonce,
    parallelism: cost.lanes,
    tagLength: HASH_BYTES,
    memory: cost.memoryKib,
    passes: cost.passes,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}

interface Parsed {
  readonly cost: Argon2Cost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

function format({ cost, salt, hash }: Parsed): string {
  const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}$${plain(salt)}$${plain(hash)}`;
}

function parse(stored: string): Parsed | undefined {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{43})$/.exec(
      stored,
    );
  if (!match) return undefined;
  const cost = { memoryKib: Number(match[1]), passes: Number(match[2]), lanes: Number(match[3]) };
  const sane =
    cost.lanes >= 1 &&
    cost.lanes <= mostLanes &&
    cost.passes >= 1 &&
    cost.passes <= mostPasses &&
    cost.memoryKib >= 8 * cost.lanes &&
    cost.memoryKib <= mostMemoryKib;
  if (!sane) return undefined;
  return { cost, salt: Buffer.from(match[4]!, 'base64'), hash: Buffer.from(match[5]!, 'base64') };
}
