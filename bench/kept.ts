/**
 * `node bench/kept.ts`: register with the format kept, from request to `active`, for raw objects of 8 GiB
 * and 100 GiB (sparse): no byte is read or copied, so size must not matter.
 */
import { createImage, registerImage, Session, showJob } from '@imageyard/wire/client';
import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import { startServer } from '../tests/harness.ts';
import { median, seconds } from '../tests/corpus.ts';

const GiB = 1024 ** 3;
const sizes = process.argv.slice(2).map(Number).filter(Boolean);

await using server = await startServer();
const { ready } = server;
const session = await Session.open(ready);

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** One signed request whose body is zeros with a partition table, so that nothing has to be stored here first. */
async function send(
  method: string,
  path: string,
  query = '',
  body?: { bytes: number; head?: Buffer } | string,
): Promise<{ etag: string; text: string }> {
  const { host, hostname, port } = new URL(ready.bucket);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/${ready.region}/s3/aws4_request`;
  const canonical = [
    method,
    path,
    query,
    `host:${host}`,
    'x-amz-content-sha256:UNSIGNED-PAYLOAD',
    `x-amz-date:${date}`,
    '',
    'host;x-amz-content-sha256;x-amz-date',
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key = hmac(
    hmac(hmac(hmac(`AWS4${ready.secretKey}`, date.slice(0, 8)), ready.region), 's3'),
    'aws4_request',
  );
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, digest].join('\n')).toString('hex');
  const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.bytes ?? 0);
  const answer = await new Promise<{ etag: string; text: string; status: number }>((done, failed) => {
    const call = request(
      {
        hostname,
        port,
        method,
        path: query ? `${path}?${query}` : path,
        headers: {
          host,
          'x-amz-date': date,
          'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
          'content-length': length,
          authorization: `AWS4-HMAC-SHA256 Credential=${ready.accessKey}/${scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          done({ etag: String(response.headers.etag), text, status: response.statusCode ?? 0 }),
        );
      },
    ).on('error', failed);
    if (typeof body !== 'object') return void call.end(body);
    const zeros = Buffer.alloc(1024 ** 2);
    let left = body.bytes;
    const more = (): void => {
      while (left > 0) {
        const chunk =
          left === body.bytes && body.head
            ? Buffer.concat([body.head, zeros]).subarray(0, zeros.length)
            : zeros;
        left -= Math.min(left, chunk.length);
        if (!call.write(chunk)) return void call.once('drain', more);
      }
      call.end();
    };
    more();
  });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

/** Upload `bytes` in parts of 1 GiB, one after another. */
async function upload(key: string, bytes: number): Promise<void> {
  const path = `/kept/${key}`;
  const id = /<UploadId>([^<]+)/.exec((await send('POST', path, 'uploads=')).text)![1]!;
  const mbr = Buffer.alloc(512);
  mbr.set([0x55, 0xaa], 510);
  mbr.set([0x80, 0, 2, 0, 0x83, 0, 3, 0, 1, 0, 0, 0, 255, 255, 0, 0], 446);
  const parts: string[] = [];
  for (let n = 1; (n - 1) * GiB < bytes; n++) {
    const part = { bytes: Math.min(GiB, bytes - (n - 1) * GiB), ...(n === 1 ? { head: mbr } : {}) };
    const { etag } = await send('PUT', path, `partNumber=${n}&uploadId=${id}`, part);
    parts.push(`<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag></Part>`);
  }
  await send(
    'POST',
    path,
    `uploadId=${id}`,
    `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
  );
}

async function register(key: string): Promise<void> {
  const image = await createImage(session, { name: key, disk_format: 'raw', container_format: 'bare' });
  const job = await registerImage(session, image.id, `kept:${key}`);
  for (;;) {
    const { status, fail_reason } = await showJob(session, job);
    if (status === 'SUCCESS') return;
    if (status === 'FAIL') throw new Error(String(fail_reason));
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

await send('PUT', '/kept');
for (const size of sizes.length > 0 ? sizes : [8, 100]) {
  const took = await seconds(() => upload(`disk-${size}`, size * GiB));
  const times: number[] = [];
  for (let round = 0; round < 5; round++) times.push(1000 * (await seconds(() => register(`disk-${size}`))));
  console.log(
    `${String(size).padStart(4)} GiB raw: uploaded in ${took.toFixed(0)} s; request → active ${median(times).toFixed(0)} ms (median of 5, most ${Math.max(...times).toFixed(0)} ms; target < 500)`,
  );
}
