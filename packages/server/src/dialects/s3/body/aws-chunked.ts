import { createHash } from 'node:crypto';
import type { ChunkSeed } from '../auth/signed-request.ts';
import { sameText } from '../auth/signed-request.ts';
import { hmacHex, sha256Hex } from '../auth/sigv4-canonical.ts';
import { S3Error } from '../errors.ts';
import { ByteCursor } from './byte-cursor.ts';

/** Most bytes of a line that gives a chunk's size, or of a trailer. */
const lineLimit = 1024;
const mostTrailers = 16;
const emptyHash = sha256Hex('');

export interface ChunkedOptions {
  /** Where the chain of signatures begins; undefined when chunks aren't signed. */
  readonly seed: ChunkSeed | undefined;
  /** Lower-case names of the trailers that must come; undefined when none may. */
  readonly trailers: readonly string[] | undefined;
}

/** The chain of signatures over the chunks, each over its predecessor's. */
class SignatureChain {
  readonly #seed: ChunkSeed;
  #previous: string;

  constructor(seed: ChunkSeed) {
    this.#seed = seed;
    this.#previous = seed.signature;
  }

  check(kind: 'PAYLOAD' | 'TRAILER', given: string | undefined, hashes: readonly string[]): void {
    const { dateTime, scope, key } = this.#seed;
    const text = [`AWS4-HMAC-SHA256-${kind}`, dateTime, scope, this.#previous, ...hashes].join('\n');
    const expected = hmacHex(key, text);
    if (!sameText(expected, given ?? ''))
      throw new S3Error('SignatureDoesNotMatch', undefined, {
        StringToSign: text,
        SignatureProvided: given ?? '',
      });
    this.#previous = expected;
  }
}

function parseSizeLine(line: string): { size: number; signature: string | undefined } {
  const match = /^([0-9a-f]{1,13})[ \t]*(?:;[ \t]*chunk-signature=([0-9a-f]{64}))?[ \t]*$/i.exec(line);
  if (!match) throw new S3Error('IncompleteBody', 'The chunks of the body are malformed.');
  return { size: Number.parseInt(match[1]!, 16), signature: match[2]?.toLowerCase() };
}

/** Trailers until the end of the body. A client ends these lines with LF CR LF: empty ones don't count. */
async function readTrailers(
  cursor: ByteCursor,
  { trailers: expected }: ChunkedOptions,
  chain: SignatureChain | undefined,
  found: (name: string, value: string) => void,
): Promise<void> {
  const missing = new Set(expected);
  let signature: string | undefined;
  let signed = '';
  for (let count = 0; ;) {
    const line = await cursor.line(lineLimit);
    if (line === undefined) break;
    if (line === '') continue;
    if (++count > mostTrailers || expected === undefined) throw new S3Error('MalformedTrailerError');
    const cut = line.indexOf(':');
    const name = line.slice(0, Math.max(cut, 0)).trim().toLowerCase();
    const value = line.slice(cut + 1).trim();
    if (name === 'x-amz-trailer-signature' && signature === undefined) {
      signature = value;
      continue;
    }
    if (!missing.delete(name)) throw new S3Error('MalformedTrailerError');
    signed += `${name}:${value}\n`;
    found(name, value);
  }
  if (missing.size > 0) throw new S3Error('MalformedTrailerError');
  if (expected !== undefined) chain?.check('TRAILER', signature, [sha256Hex(signed)]);
}

/**
 * The bytes inside `aws-chunked` framing, as they come; signatures are checked at each chunk's end,
 * so nothing may be published before the last byte.
 * @throws {S3Error} IncompleteBody, SignatureDoesNotMatch, MalformedTrailerError
 */
export async function* awsChunked(
  source: AsyncIterable<Buffer>,
  options: ChunkedOptions,
  onTrailer: (name: string, value: string) => void,
): AsyncGenerator<Buffer> {
  const cursor = new ByteCursor(source);
  const chain = options.seed && new SignatureChain(options.seed);
  try {
    for (;;) {
      const line = await cursor.line(lineLimit);
      if (line === undefined) throw new S3Error('IncompleteBody');
      const { size, signature } = parseSizeLine(line);
      const hash = chain && createHash('sha256');
      for (let left = size; left > 0;) {
        const bytes = await cursor.take(left);
        left -= bytes.length;
        hash?.update(bytes);
        yield bytes;
      }
      if (hash) chain.check('PAYLOAD', signature, [emptyHash, hash.digest('hex')]);
      if (size === 0) break;
      if ((await cursor.line(2)) !== '')
        throw new S3Error('IncompleteBody', 'The chunks of the body are malformed.');
    }
    await readTrailers(cursor, options, chain, onTrailer);
  } finally {
    await cursor.close();
  }
}
