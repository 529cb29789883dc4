/** AK/SK through Huawei's own SDK: its client builds, signs and sends every request. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { HcClient } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import type { HttpRequestOptions } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import { DefaultHttpClient } from '@huaweicloud/huaweicloud-sdk-core/http/DefaultHttpClient.js';
import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import { Logger4jInstance } from '@huaweicloud/huaweicloud-sdk-core/logger/log4jLogger.js';
import { BasicCredentials, Region } from '@huaweicloud/huaweicloud-sdk-core';
import { startServer } from '../harness.ts';
import type { Running } from '../harness.ts';
import { caller, login } from './account.ts';
import type { Job } from './account.ts';
import { s3Ok } from './bucket.ts';

const sample = readFileSync(join(import.meta.dirname, '../fixtures/sample/sample.qcow2'));
const json = 'application/json';
const patchType = 'application/openstack-images-v2.1-json-patch';

let server: Running;
let client: HcClient;

before(async () => {
  Logger4jInstance.level = 'off'; // it prints every refusal
  server = await startServer();
  client = clientOf(server.ready.project.id);
  await s3Ok(server.ready, { method: 'PUT', path: '/huawei' });
  await s3Ok(server.ready, { method: 'PUT', path: '/huawei/dir/disk', body: sample });
});
after(() => server[Symbol.asyncDispose]());

/** @param projectId sent as X-Project-Id; none makes the SDK ask the identity service by the region's name */
function clientOf(projectId?: string, region?: Region): HcClient {
  const { accessKey, secretKey, api } = server.ready;
  const credentials = new BasicCredentials({
    ak: accessKey,
    sk: secretKey,
    ...(projectId ? { projectId } : {}),
  });
  const endpoints = [api];
  // What the SDK's ClientBuilder does; that one needs a package which the SDK forgets to name.
  const built = new HcClient(new DefaultHttpClient({ disableSslVerification: true }, endpoints))
    .withCredential(credentials.withIamEndpoint(api))
    .withEndpoints(endpoints);
  return region ? built.withRegion(region) : built;
}

type More = Partial<Pick<HttpRequestOptions, 'queryParams' | 'pathParams' | 'contentType'>>;
async function send<T>(
  method: string,
  url: string,
  data?: unknown,
  more: More = {},
  by = client,
): Promise<T> {
  const { queryParams = {}, pathParams = {}, contentType = json } = more;
  const options = { method, url, contentType, queryParams, pathParams, headers: {} };
  return (await by.sendRequest({ ...options, ...(data === undefined ? {} : { data: data as never }) })) as T;
}

interface Image {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly checksum: string | null;
}

async function created(name: string): Promise<Image> {
  return await send<Image>('POST', '/v2/images', {
    name,
    disk_format: 'qcow2',
    __os_version: 'Debian GNU/Linux 12.0.0 64bit',
  });
}

let active: Image;

test('create metadata, register, job and list, signed by the SDK', async () => {
  const image = await created('signed by the SDK');
  assert.equal(image.status, 'queued');
  const accepted = await send<{ job_id: string }>(
    'PUT',
    '/v1/cloudimages/{image_id}/upload',
    { image_url: 'huawei:dir/disk' },
    { pathParams: { image_id: image.id } },
  );
  let job: Job;
  do {
    await pause(20);
    job = await send<Job>('GET', '/v1/{project_id}/jobs/{job_id}', undefined, {
      pathParams: { job_id: accepted.job_id },
    });
    assert.equal(job.entities.image_id, image.id);
  } while (job.status === 'INIT' || job.status === 'RUNNING');
  assert.equal(job.status, 'SUCCESS', job.fail_reason ?? '');

  const queryParams = {
    __imagetype: 'private',
    limit: 2,
    name: 'signed by the SDK',
    created_at: 'gte:2024-01-01T00:00:00Z',
  };
  const listed = await send<{ images: Image[] }>('GET', '/v2/cloudimages', undefined, { queryParams });
  assert.deepEqual(
    listed.images.map(({ id, status }) => ({ id, status })),
    [{ id: image.id, status: 'active' }],
  );
  const native = await send<{ images: Image[] }>('GET', '/v2/images', undefined, {
    queryParams: { name: 'signed by the SDK' },
  });
  assert.equal(native.images[0]!.id, image.id);
  active = native.images[0]!;
  assert.match(active.checksum!, /^[0-9a-f]{32}$/);
});

test('a query with every kind of character is signed and understood alike', async () => {
  const name = "a b&c=d+e~f%g/h*(i)'!é";
  const image = await created(name);
  const queryParams = { name, sort_key: 'name', sort_dir: 'asc', limit: 5 };
  const listed = await send<{ images: Image[] }>('GET', '/v2/images', undefined, { queryParams });
  assert.deepEqual(
    listed.images.map(({ id }) => id),
    [image.id],
  );
});

test('both PATCHes; the native one is signed without its payload', async () => {
  const { id } = active; // the platform's own PATCH is for active images
  const native = await send<Image>(
    'PATCH',
    '/v2/images/{image_id}',
    [{ op: 'replace', path: '/name', value: 'changed natively' }],
    { pathParams: { image_id: id }, contentType: patchType },
  );
  assert.equal(native.name, 'changed natively');
  const ims = await send<Image>(
    'PATCH',
    '/v2/cloudimages/{image_id}',
    [{ op: 'replace', path: '/name', value: 'changed again' }],
    { pathParams: { image_id: id } },
  );
  assert.equal(ims.name, 'changed again');
});

test('quota, operating systems, delete', async () => {
  const { id } = await created('to be deleted');
  const quota = await send<{ quotas: { resources: { type: string; used: number }[] } }>(
    'GET',
    '/v1/cloudimages/quota',
  );
  assert.ok(quota.quotas.resources.some(({ type, used }) => type === 'image' && used >= 1));
  await send('GET', '/v1/cloudimages/os_version', undefined, { queryParams: { tag: 'bms' } });
  await send('DELETE', '/v2/images/{image_id}', undefined, { pathParams: { image_id: id } });
  await assert.rejects(send('GET', '/v2/images/{image_id}', undefined, { pathParams: { image_id: id } }), {
    httpStatusCode: 404,
  });
});

test('without a project the SDK finds it by the name of the region', async () => {
  const { region, api, project } = server.ready;
  assert.equal(project.name, region);
  const found = clientOf(undefined, new Region(region, [api]));
  const listed = await send<{ images: Image[] }>(
    'GET',
    '/v2/cloudimages',
    undefined,
    { queryParams: { limit: 1 } },
    found,
  );
  assert.equal(listed.images.length, 1);
});

test('a refusal is an error of the SDK with our code and text', async () => {
  const absent = { pathParams: { image_id: '00000000-0000-4000-8000-000000000000' } };
  await assert.rejects(send('PUT', '/v1/cloudimages/{image_id}/upload', { image_url: 'huawei:x' }, absent), {
    httpStatusCode: 404,
    errorCode: 'IMG.0027',
    errorMsg: 'The image ID in the request does not exist.',
  });
});

/** A request signed by the SDK's signer and then changed. */
async function signed(
  change: (headers: Record<string, string>) => Record<string, string>,
  request: {
    method?: string;
    path?: string;
    body?: string;
    ak?: string;
    sk?: string;
    sent?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<{ status: number; text: string }> {
  const { accessKey, secretKey, api, project } = server.ready;
  const { method = 'GET', path = '/v2/cloudimages', body } = request;
  const credentials = new BasicCredentials({ ak: request.ak ?? accessKey, sk: request.sk ?? secretKey });
  const headers = { 'content-type': json, 'X-Project-Id': project.id, ...request.headers };
  const made = AKSKSigner.sign(
    {
      method,
      endpoint: `${api}${path}`,
      url: path,
      headers,
      queryParams: {},
      pathParams: {},
      data: body ? JSON.parse(body) : undefined,
    } as never,
    credentials,
  ) as Record<string, string>;
  const { host: _, ...changed } = change(made);
  const answer = await fetch(`${api}${path}`, {
    method,
    headers: changed,
    ...(body ? { body: request.sent ?? body } : {}),
  });
  return { status: answer.status, text: await answer.text() };
}

const refusals: readonly (readonly [string, Parameters<typeof signed>, RegExp])[] = [
  ['another secret key', [(h) => h, { sk: 'x'.repeat(40) }], /verify aksk signature fail/],
  ['an unknown access key', [(h) => h, { ak: 'NOSUCHKEY0123456789A' }], /ak NOSUCHKEY0123456789A not exist/],
  [
    'a date of an hour ago',
    [(h) => h, { headers: { 'X-Sdk-Date': new Date(Date.now() - 3_600_000).toISOString() } }],
    /./,
  ],
  ['a date that was not signed', [(h) => ({ ...h, 'X-Sdk-Date': '20240101T000000Z' })], /signature/],
  [
    'another project than the one that was signed',
    [(h) => ({ ...h, 'X-Project-Id': 'f'.repeat(32) })],
    /verify aksk signature fail/,
  ],
  [
    'another body than the one that was signed',
    [(h) => h, { method: 'POST', path: '/v2/images', body: '{"name":"a"}', sent: '{"name":"b"}' }],
    /verify aksk signature fail/,
  ],
  [
    'an unknown algorithm',
    [(h) => ({ ...h, Authorization: h['Authorization']!.replace('SDK-HMAC-SHA256', 'SDK-HMAC-MD5') })],
    /./,
  ],
];

for (const [what, request, text] of refusals)
  test(`${what} is refused with 401 and the gateway's words`, async () => {
    const answer = await signed(...request);
    assert.equal(answer.status, 401, answer.text);
    const body = JSON.parse(answer.text) as { error_code: string; error_msg: string };
    assert.match(body.error_code, /^APIGW\.0301$/);
    assert.match(body.error_msg, text);
  });

test('the SDK-signed request itself is accepted, so that the refusals above say something', async () => {
  assert.equal((await signed((h) => h)).status, 200);
  assert.equal(
    (await signed((h) => h, { method: 'POST', path: '/v2/images', body: '{"name":"a"}' })).status,
    201,
  );
  const noProject = await signed((h) => h, { headers: { 'X-Project-Id': server.ready.project.id } });
  assert.equal(noProject.status, 200);
  const { status } = await caller(server.ready, await login(server.ready))('GET', '/v2/cloudimages');
  assert.equal(status, 200);
});
