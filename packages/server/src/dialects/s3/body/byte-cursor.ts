import { S3Error } from '../errors.ts';

/** Reads lines and runs of bytes off a stream, never holding more than one chunk and one line. */
export class ByteCursor {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async #fill(): Promise<boolean> {
    while (this.#buffer.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#buffer = next.value;
    }
    return true;
  }

  /**
   * The next line without its end; undefined when nothing is left. A last line may lack its end.
   * @throws {S3Error} IncompleteBody when it is longer than `limit` bytes
   */
  async line(limit: number): Promise<string | undefined> {
    if (!(await this.#fill())) return undefined;
    let text = '';
    while (await this.#fill()) {
      const end = this.#buffer.indexOf(10);
      const taken = this.#buffer.subarray(0, end < 0 ? this.#buffer.length : end);
      if (text.length + taken.length > limit)
        throw new S3Error('IncompleteBody', 'A line of the body is too long.');
      text += taken.toString('latin1');
      this.#buffer = this.#buffer.subarray(end < 0 ? this.#buffer.length : end + 1);
      if (end >= 0) break;
    }
    return text.replace(/\r$/, '');
  }

  /** Up to `most` bytes, as they come. @throws {S3Error} IncompleteBody when nothing is left */
  async take(most: number): Promise<Buffer> {
    if (!(await this.#fill())) throw new S3Error('IncompleteBody');
    const taken = this.#buffer.subarray(0, most);
    this.#buffer = this.#buffer.subarray(taken.length);
    return taken;
  }

  /** Let the source end early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
