/** A server that is attacked: what it holds, and whether an attack has changed anything. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startServer } from '../../harness.ts';
import type { Running } from '../../harness.ts';
import { caller, login } from '../account.ts';
import type { Call } from '../account.ts';
import { s3Ok, signS3 } from '../bucket.ts';
import type { S3Request } from '../bucket.ts';
import { message, rawHttp } from '../raw-http.ts';
import type { RawAnswer } from '../raw-http.ts';

const sample = readFileSync(join(import.meta.dirname, '../../fixtures/sample/sample.qcow2'));

export class Target {
  readonly server: Running;
  readonly token: string;
  readonly call: Call;
  /** An active image with data. */
  readonly image: string;
  /** Bytes of its data. */
  readonly size = sample.length;

  private constructor(server: Running, token: string, call: Call, image: string) {
    this.server = server;
    this.token = token;
    this.call = call;
    this.image = image;
  }

  /** A server with an active image, and a bucket `kept` that has `object`. */
  static async start(): Promise<Target> {
    const server = await startServer();
    const token = await login(server.ready);
    const call = caller(server.ready, token);
    const draft = { name: 'kept', disk_format: 'qcow2', container_format: 'bare' };
    const { id } = (await call('POST', '/v2/images', draft)).json<{ id: string }>();
    const octets = { 'content-type': 'application/octet-stream' };
    const uploaded = await call('PUT', `/v2/images/${id}/file`, sample, octets);
    assert.equal(uploaded.status, 204, uploaded.text);
    await s3Ok(server.ready, { method: 'PUT', path: '/kept' });
    await s3Ok(server.ready, { method: 'PUT', path: '/kept/object', body: 'kept' });
    return new Target(server, token, call, id);
  }

  /** Images, objects and buckets as they are listed. */
  async #state(): Promise<unknown> {
    const { ready } = this.server;
    const images = await this.call('GET', '/v2/images?limit=1000');
    const objects = await s3Ok(ready, { method: 'GET', path: '/kept' });
    const buckets = await s3Ok(ready, { method: 'GET', path: '/' });
    return {
      images: images.json<{ images: unknown[] }>().images,
      objects: await objects.text(),
      buckets: await buckets.text(),
    };
  }

  /** Every file in the store, unfinished ones too. */
  stored(): string[] {
    return readdirSync(join(this.server.data, 'store'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'store.json')
      .map((entry) => entry.name)
      .sort();
  }

  /** Wait until the store is as it was: bytes of a vanished client go once the server has seen it go. */
  async storeIs(wanted: readonly string[]): Promise<void> {
    for (let waited = 0; waited < 5000; waited += 50) {
      if (JSON.stringify(this.stored()) === JSON.stringify(wanted)) return;
      await pause(50);
    }
    assert.deepEqual(this.stored(), wanted);
  }

  /** Run, then look: the server answers, and everything is as it was. */
  async harmless(work: () => Promise<void>): Promise<void> {
    const { api, bucket } = this.server.ready;
    const earlier = await this.#state();
    const files = this.stored();
    await work();
    assert.equal((await fetch(`${api}/`)).status, 300);
    assert.equal((await fetch(`${bucket}/`)).status, 403);
    assert.deepEqual(await this.#state(), earlier);
    await this.storeIs(files);
  }

  /** A signed request to the bucket listener, sent by hand. */
  async s3(request: S3Request): Promise<RawAnswer> {
    const { method, path, query = {}, body } = request;
    const text = Object.entries(query)
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .sort()
      .join('&');
    const length: [string, string] = ['Content-Length', String(Buffer.byteLength(body ?? ''))];
    const headers = [...Object.entries(signS3(this.server.ready, request)), length];
    const send = message(`${method} ${path}${text ? `?${text}` : ''}`, headers, Buffer.from(body ?? ''));
    return await rawHttp(this.server.ready.bucket, { send });
  }
}
