import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AwsClient } from 'aws4fetch';
import { reach, refused } from './errors.ts';

export interface BucketAccess {
  readonly url: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

const MiB = 1024 ** 2;
/** Files up to this size go up in one PUT. */
const singlePutBytes = 64 * MiB;
const parallelParts = 2;

/** Part size for a file: at least 32 MiB, and never more than 9,000 parts. */
export const partSizeFor = (fileBytes: number): number =>
  Math.max(32 * MiB, Math.ceil(fileBytes / 9000 / MiB) * MiB);

/** Uploads files to one bucket listener, signed with SigV4. */
export class BucketClient {
  readonly #access: BucketAccess;
  readonly #aws: AwsClient;

  constructor(access: BucketAccess) {
    this.#access = access;
    this.#aws = new AwsClient({
      accessKeyId: access.accessKey,
      secretAccessKey: access.secretKey,
      service: 's3',
      region: access.region,
      retries: 0,
    });
  }

  /** Make the bucket unless the project has it already. */
  async ensureBucket(bucket: string): Promise<void> {
    const head = await this.#send('HEAD', `/${bucket}`);
    if (head.ok) return;
    const made = await this.#send('PUT', `/${bucket}`);
    if (!made.ok && made.status !== 409) throw await refused(made, `make bucket ${bucket}`);
    if (made.status === 409 && head.status === 403) throw await refused(made, `use bucket ${bucket}`);
  }

  /**
   * Upload a file; large ones in parts. What was uploaded is dropped when it fails or `signal` fires.
   * @param onProgress told the bytes that the server has taken so far
   */
  async upload(
    file: string,
    bucket: string,
    key: string,
    options: { signal?: AbortSignal; onProgress?: (bytesDone: number, bytesTotal: number) => void } = {},
  ): Promise<void> {
    const { size } = await stat(file);
    const handle = await open(file, 'r');
    try {
      const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
      if (size <= singlePutBytes) await this.#put(handle, path, size, options);
      else await this.#putParts(handle, path, size, options);
    } finally {
      await handle.close();
    }
  }

  async #put(
    handle: FileHandle,
    path: string,
    size: number,
    { signal, onProgress }: UploadOptions,
  ): Promise<void> {
    const body = counted(handle, { start: 0, end: size }, (bytes) => onProgress?.(bytes, size));
    const response = await this.#send('PUT', path, { body, length: size, signal });
    if (!response.ok) throw await refused(response, `upload to ${path.slice(1)}`);
  }

  async #putParts(handle: FileHandle, path: string, size: number, options: UploadOptions): Promise<void> {
    const { signal, onProgress } = options;
    const begun = await this.#send('POST', `${path}?uploads`, { signal });
    if (!begun.ok) throw await refused(begun, `begin the upload to ${path.slice(1)}`);
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(await begun.text())?.[1] ?? '';
    const partSize = partSizeFor(size);
    const count = Math.ceil(size / partSize);
    const etags: string[] = [];
    const done = Array.from({ length: count }, () => 0);
    let next = 0;
    const report = (): void =>
      onProgress?.(
        done.reduce((sum, bytes) => sum + bytes, 0),
        size,
      );
    const lane = async (): Promise<void> => {
      while (next < count) {
        const index = next++;
        const range = { start: index * partSize, end: Math.min(size, (index + 1) * partSize) };
        const body = counted(handle, range, (bytes) => {
          done[index] = bytes;
          report();
        });
        const query = `?partNumber=${index + 1}&uploadId=${encodeURIComponent(uploadId)}`;
        const response = await this.#send('PUT', path + query, {
          body,
          length: range.end - range.start,
          signal,
        });
        if (!response.ok) throw await refused(response, `upload part ${index + 1} of ${path.slice(1)}`);
        etags[index] = response.headers.get('etag') ?? '';
      }
    };
    try {
      await Promise.all(Array.from({ length: parallelParts }, lane));
      const parts = etags.map(
        (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
      );
      const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
      const response = await this.#send('POST', `${path}?uploadId=${encodeURIComponent(uploadId)}`, {
        body,
        signal,
      });
      if (!response.ok) throw await refused(response, `complete the upload to ${path.slice(1)}`);
    } catch (error) {
      next = count;
      await this.#send('DELETE', `${path}?uploadId=${encodeURIComponent(uploadId)}`).catch(() => {});
      throw error;
    }
  }

  async #send(
    method: string,
    path: string,
    {
      body,
      length,
      signal,
    }: { body?: NonNullable<RequestInit['body']>; length?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<Response> {
    const url = `${this.#access.url}${path}`;
    const signed = await this.#aws.sign(url, {
      method,
      headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    });
    const headers = new Headers(signed.headers);
    if (length !== undefined) headers.set('content-length', String(length));
    const init = {
      method,
      headers,
      ...(body === undefined ? {} : { body, duplex: 'half' }),
      ...(signal ? { signal } : {}),
    };
    return reach(url, () => fetch(url, init as RequestInit));
  }
}

interface UploadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
}

/** A range of a file as a body; tells how much the connection has taken. */
function counted(
  handle: FileHandle,
  { start, end }: { start: number; end: number },
  onBytes: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  let position = start;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        onBytes(position - start);
        if (position >= end) return controller.close();
        const chunk = Buffer.allocUnsafe(Math.min(256 * 1024, end - position));
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0) throw new Error('the file became shorter while it was uploaded');
        position += bytesRead;
        controller.enqueue(chunk.subarray(0, bytesRead));
      },
    },
    { highWaterMark: 0 },
  );
}
