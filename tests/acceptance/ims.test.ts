/** Register from a bucket over plain HTTP, as the documented flow goes, against the real program. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { clientEnv, run, runOk, startServer } from '../harness.ts';
import type { Running } from '../harness.ts';

const missing = await missingTool();

async function missingTool(): Promise<string | undefined> {
  const found = await run('aws', ['--version']).catch(() => undefined);
  if (found?.code === 0) return undefined;
  const reason = 'awscli is not installed';
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

const folder = join(import.meta.dirname, '../fixtures/sample');
const sample = join(folder, 'sample.qcow2');
const { guestSha256 } = (
  JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    'sample.qcow2': { guestSha256: string };
  }
)['sample.qcow2'];

// oxlint-disable-next-line typescript/no-explicit-any -- answers are looked into as they come
type Json = any;

describe('register from a bucket', { skip: missing ?? false }, () => {
  let server: Running;
  let token: string;
  before(async () => {
    server = await startServer();
    const { ready } = server;
    const login = await fetch(`${ready.identity}/auth/tokens`, {
      method: 'POST',
      body: JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: {
              user: { name: ready.user, domain: { name: ready.domain }, password: ready.password },
            },
          },
          scope: { project: { name: ready.project.name } },
        },
      }),
    });
    token = login.headers.get('x-subject-token')!;
    const aws = (...args: string[]) =>
      runOk('aws', ['--endpoint-url', ready.bucket, ...args], { env: clientEnv(ready) });
    await aws('s3', 'mb', 's3://ims-image');
    await aws('s3', 'cp', sample, 's3://ims-image/debian/12/golden');
    const cut = join(server.folder, 'cut.qcow2');
    writeFileSync(cut, readFileSync(sample).subarray(0, 70_000));
    await aws('s3', 'cp', cut, 's3://ims-image/cut');
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const call = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: Json }> => {
    const answer = await fetch(`${server.ready.api}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
  };
  const ended = async (jobId: string): Promise<Json[]> => {
    const seen: Json[] = [];
    for (let waited = 0; waited < 60_000; waited += 20) {
      const job = await call('GET', `/v1/${server.ready.project.id}/jobs/${jobId}`);
      assert.equal(job.status, 200);
      seen.push(job.json);
      if (job.json.status === 'SUCCESS' || job.json.status === 'FAIL') return seen;
      await pause(20);
    }
    assert.fail('the job never ended');
  };

  test('metadata, register, poll, active, download: the guest bytes are those of the file', async () => {
    const made = await call('POST', '/v2/images', {
      name: 'debian-golden',
      __os_version: 'Debian GNU/Linux 12.0.0 64bit',
      disk_format: 'raw',
      min_disk: 40,
      tags: ['env=prod'],
    });
    assert.deepEqual([made.status, made.json.status, made.json.__image_size], [201, 'queued', '0']);
    const { id } = made.json;
    const accepted = await call('PUT', `/v1/cloudimages/${id}/upload`, {
      image_url: 'ims-image:debian/12/golden',
    });
    assert.equal(accepted.status, 200);
    const again = await call('PUT', `/v1/cloudimages/${id}/upload`, {
      image_url: 'ims-image:debian/12/golden',
    });
    assert.deepEqual([again.status, again.json.error.code], [400, 'IMG.0046']);
    const polls = await ended(accepted.json.job_id);
    let share = 0;
    for (const job of polls) {
      assert.equal(job.entities.image_id, id);
      assert.ok(job.entities.process_percent >= share, 'the share fell');
      share = job.entities.process_percent;
      assert.equal(job.end_time === '', job.status === 'INIT' || job.status === 'RUNNING');
    }
    const last = polls.at(-1);
    assert.deepEqual(
      [last.status, last.error_code, last.fail_reason, last.entities.process_percent],
      ['SUCCESS', null, null, 1],
    );
    const { images } = (await call('GET', `/v2/cloudimages?id=${id}`)).json;
    const [image] = images;
    assert.deepEqual(
      [
        image.status,
        image.disk_format,
        image.__data_origin,
        image.__root_origin,
        image.__image_size,
        image.virtual_size,
      ],
      ['active', 'raw', 'file,ims-image:debian/12/golden', 'file', String(image.size), image.size],
    );
    const download = await fetch(`${server.ready.api}/v2/images/${id}/file`, {
      headers: { 'x-auth-token': token },
    });
    const bytes = Buffer.from(await download.arrayBuffer());
    assert.equal(createHash('sha256').update(bytes).digest('hex'), guestSha256);
    assert.equal(createHash('md5').update(bytes).digest('hex'), image.checksum);
  });

  test('a file that was cut short fails the job with code and full sentence, and kills the image', async () => {
    const { json: image } = await call('POST', '/v2/images', { name: 'cut', disk_format: 'raw' });
    const { json } = await call('PUT', `/v1/cloudimages/${image.id}/upload`, { image_url: 'ims-image:cut' });
    const job = (await ended(json.job_id)).at(-1);
    assert.deepEqual([job.status, job.error_code, job.entities.image_id], ['FAIL', 'IMG.0057', image.id]);
    assert.match(job.fail_reason, /^The image file is empty, .* permission to access the file\. qcow2: /);
    assert.equal(job.entities.error, job.fail_reason);
    assert.match(job.end_time, /Z$/);
    const shown = await call('GET', `/v2/images/${image.id}`);
    assert.equal(shown.json.status, 'killed');
    const again = await call('PUT', `/v1/cloudimages/${image.id}/upload`, {
      image_url: 'ims-image:debian/12/golden',
    });
    assert.equal(again.json.error.code, 'IMG.0046');
  });

  test('a request signed with an access key registers too', async () => {
    const { json: image } = await call('POST', '/v2/images', { name: 'signed', disk_format: 'qcow2' });
    const { ready } = server;
    const url = new URL(`${ready.api}/v1/cloudimages/${image.id}/upload`);
    const body = JSON.stringify({ image_url: 'ims-image:debian/12/golden' });
    const date = `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const canonical = [
      'PUT',
      `${url.pathname}/`,
      '',
      `host:${url.host}\nx-project-id:${ready.project.id}\nx-sdk-date:${date}\n`,
      'host;x-project-id;x-sdk-date',
      sha256(body),
    ].join('\n');
    const signature = createHmac('sha256', ready.secretKey)
      .update(`SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`)
      .digest('hex');
    const answer = await fetch(url, {
      method: 'PUT',
      body,
      headers: {
        'content-type': 'application/json',
        'x-project-id': ready.project.id,
        'x-sdk-date': date,
        authorization: `SDK-HMAC-SHA256 Access=${ready.accessKey}, SignedHeaders=host;x-project-id;x-sdk-date, Signature=${signature}`,
      },
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    const { job_id: jobId } = (await answer.json()) as { job_id: string };
    assert.equal((await ended(jobId)).at(-1).status, 'SUCCESS');
  });

  test('deleting an image while its job runs cancels the job and answers 204', async () => {
    const { json: image } = await call('POST', '/v2/images', { name: 'gone', disk_format: 'zvhd2' });
    const { json } = await call('PUT', `/v1/cloudimages/${image.id}/upload`, {
      image_url: 'ims-image:debian/12/golden',
    });
    assert.equal((await call('DELETE', `/v2/images/${image.id}`, { delete_backup: true })).status, 204);
    const job = (await ended(json.job_id)).at(-1);
    if (job.status === 'FAIL')
      assert.deepEqual([job.error_code, job.fail_reason.endsWith('image deleted')], ['IMG.1075', true]);
    assert.deepEqual((await call('GET', `/v2/cloudimages?id=${image.id}`)).json, { images: [] });
  });
});
