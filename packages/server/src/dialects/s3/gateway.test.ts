import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { send, sendRaw, startTestGateway } from './test-gateway.ts';
import type { Reply, Tenant, TestGateway, TestRequest } from './test-gateway.ts';

let gateway: TestGateway;
let ann: Tenant;
let bob: Tenant;
let reader: Tenant;

before(async () => {
  gateway = await startTestGateway(['member', 'member', 'reader']);
  [ann, bob, reader] = gateway.tenants as [Tenant, Tenant, Tenant];
  assert.equal((await call({ method: 'PUT', path: '/pail' })).status, 200);
});
after(async () => {
  await gateway.close();
  assert.deepEqual(gateway.errors, []);
});

const call = (request: TestRequest, tenant = ann): Promise<Reply> => send(tenant, gateway.port, request);
const put = (key: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  call({ method: 'PUT', path: `/pail/${key}`, body, headers });
const code = (reply: Reply): string => /<Code>(.*?)<\/Code>/.exec(reply.body)?.[1] ?? '';
const md5 = (bytes: string | Uint8Array) => createHash('md5').update(bytes).digest('hex');
const stored = async () => (await gateway.store.list(undefined, 1000)).length;

test('a request that nobody signed is refused with a document whose id is the header’s', async () => {
  const reply = await sendRaw(gateway.port, { path: '/pail/x' });
  assert.deepEqual([reply.status, code(reply)], [403, 'AccessDenied']);
  assert.equal(/<RequestId>(.*?)</.exec(reply.body)?.[1], reply.headers['x-amz-request-id']);
  assert.equal(reply.headers['content-type'], 'application/xml');
  const head = await sendRaw(gateway.port, { method: 'HEAD', path: '/pail/x' });
  assert.deepEqual([head.status, head.body, head.headers['x-amz-error-code']], [403, '', 'AccessDenied']);
});

test('keys are what the path says, decoded once and never normalised', async () => {
  const paths = [
    'a/../b',
    './x/./y',
    'a//b',
    '/lead',
    'a%2Bb',
    'a+b',
    '%252F',
    'tail/',
    'u%CC%88',
    '%C3%BC',
    "q!'()*",
  ];
  for (const path of paths) {
    assert.equal((await put(path, path)).status, 200, path);
    assert.equal((await call({ path: `/pail/${path}` })).body, path);
  }
  const list = await call({ path: '/pail?encoding-type=url' });
  const keys = [...list.body.matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => decodeURIComponent(match[1]!));
  const expected = new Set(paths.map((path) => decodeURIComponent(path)));
  assert.deepEqual(new Set(keys), expected);
  assert.equal((await call({ path: '/pail/a%2F%2Fb' })).body, 'a//b');
  for (const path of ['/pail/a%2Gb', '/pail/%FF', '/pail/%C3'])
    assert.equal(code(await sendRaw(gateway.port, { path })), 'InvalidURI', path);
  assert.equal(code(await sendRaw(gateway.port, { path: `/pail/${'k'.repeat(1025)}` })), 'KeyTooLongError');
  for (const path of paths) await call({ method: 'DELETE', path: `/pail/${path}` });
});

test('a bucket may stand in the host', async () => {
  await put('dir/in-host', 'virtual');
  const reply = await call({ path: '/dir/in-host', host: `pail.localhost:${gateway.port}` });
  assert.equal(reply.body, 'virtual');
  assert.equal(code(await call({ path: '/dir/in-host', host: 'none.localhost' })), 'NoSuchBucket');
});

test('rights: another project’s bucket is closed, a reader reads', async () => {
  assert.equal(code(await call({ path: '/pail' }, bob)), 'AccessDenied');
  assert.equal(code(await call({ method: 'PUT', path: '/pail' }, bob)), 'BucketAlreadyExists');
  assert.equal(code(await call({ method: 'PUT', path: '/pail' })), 'BucketAlreadyOwnedByYou');
  assert.equal((await call({ path: '/' }, reader)).status, 200);
  assert.equal(code(await call({ method: 'PUT', path: '/of-reader' }, reader)), 'AccessDenied');
  const copy = { method: 'PUT', path: '/bobs/x', headers: { 'x-amz-copy-source': '/pail/dir/in-host' } };
  await call({ method: 'PUT', path: '/bobs' }, bob);
  assert.equal(code(await call(copy, bob)), 'AccessDenied');
});

test('claims about a body are held against it, and the old object stays', async () => {
  const old = await put('claimed', 'old');
  assert.equal(old.headers.etag, `"${md5('old')}"`);
  const earlier = await stored();
  const refused = async (expected: string, request: Partial<TestRequest>) =>
    assert.equal(
      code(await call({ method: 'PUT', path: '/pail/claimed', body: 'new', ...request })),
      expected,
    );
  await refused('XAmzContentSHA256Mismatch', { payload: createHash('sha256').update('x').digest('hex') });
  await refused('BadDigest', { headers: { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' } });
  await refused('InvalidDigest', { headers: { 'content-md5': 'nonsense' } });
  await refused('BadDigest', { headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } });
  await refused('BadDigest', {
    headers: { 'x-amz-checksum-sha256': Buffer.alloc(32).toString('base64') },
    payload: 'UNSIGNED-PAYLOAD',
  });
  await refused('NotImplemented', { headers: { 'x-amz-server-side-encryption': 'AES256' } });
  await refused('NotImplemented', { headers: { 'x-amz-acl': 'public-read' } });
  await refused('MetadataTooLarge', { headers: { 'x-amz-meta-a': 'a'.repeat(2100) } });
  await refused('InvalidStorageClass', { headers: { 'x-amz-storage-class': 'HOT' } });
  assert.equal((await call({ path: '/pail/claimed' })).body, 'old');
  assert.equal(await stored(), earlier);
});

const crcOf = (text: string): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return bytes.toString('base64');
};

test('a body in unsigned chunks with a trailer is stored without its framing', async () => {
  const data = 'a'.repeat(70_000);
  const upload = (checksum: string, extra: Record<string, string> = {}) =>
    call({
      method: 'PUT',
      path: '/pail/chunked',
      payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      headers: {
        'content-encoding': 'gzip,aws-chunked',
        'x-amz-decoded-content-length': '70000',
        'x-amz-trailer': 'x-amz-checksum-crc32',
        'transfer-encoding': 'chunked',
        ...extra,
      },
      body: `10000\r\n${data.slice(0, 65536)}\r\n${(70000 - 65536).toString(16)}\r\n${data.slice(65536)}\r\n0\r\nx-amz-checksum-crc32:${checksum}\r\n\r\n`,
    });
  const made = await upload(crcOf(data));
  assert.deepEqual([made.status, made.headers['x-amz-checksum-crc32']], [200, crcOf(data)]);
  const got = await call({ path: '/pail/chunked', headers: { 'x-amz-checksum-mode': 'ENABLED' } });
  assert.ok(got.body === data);
  assert.deepEqual(
    [got.headers['content-encoding'], got.headers['x-amz-checksum-crc32']],
    ['gzip', crcOf(data)],
  );
  // A part of it must not carry the checksum of the whole.
  const part = await call({
    path: '/pail/chunked',
    headers: { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-9' },
  });
  assert.deepEqual([part.status, part.headers['x-amz-checksum-crc32']], [206, undefined]);
  assert.equal(code(await upload(crcOf('other'))), 'BadDigest');
  assert.equal(
    code(await upload(crcOf(data), { 'x-amz-decoded-content-length': '69999' })),
    'IncompleteBody',
  );
  assert.equal(
    code(await upload(crcOf(data), { 'x-amz-trailer': 'x-amz-checksum-sha1' })),
    'MalformedTrailerError',
  );
});

test('reads: ranges and conditions', async () => {
  const text = '0123456789';
  const etag = (await put('digits', text)).headers.etag!;
  const get = (headers: Record<string, string>, method = 'GET') =>
    call({ method, path: '/pail/digits', headers });
  const range = async (value: string) => {
    const reply = await get({ range: value });
    return [reply.status, reply.body, reply.headers['content-range']];
  };
  assert.deepEqual(await range('bytes=2-4'), [206, '234', 'bytes 2-4/10']);
  assert.deepEqual(await range('bytes=7-'), [206, '789', 'bytes 7-9/10']);
  assert.deepEqual(await range('bytes=-3'), [206, '789', 'bytes 7-9/10']);
  assert.deepEqual(await range('bytes=-30'), [206, text, 'bytes 0-9/10']);
  assert.deepEqual(await range('bytes=8-99'), [206, '89', 'bytes 8-9/10']);
  for (const ignored of ['bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-', 'bytes=x'])
    assert.deepEqual(await range(ignored), [200, text, undefined], ignored);
  const beyond = await get({ range: 'bytes=10-' });
  assert.deepEqual(
    [beyond.status, code(beyond), beyond.headers['content-range']],
    [416, 'InvalidRange', 'bytes */10'],
  );
  await put('empty', '');
  assert.equal((await call({ path: '/pail/empty', headers: { range: 'bytes=0-0' } })).status, 416);

  assert.equal((await get({ 'if-match': etag })).status, 200);
  assert.equal((await get({ 'if-match': '"x"' })).status, 412);
  const unchanged = await get({ 'if-none-match': etag.slice(1, -1) });
  assert.deepEqual([unchanged.status, unchanged.body, unchanged.headers.etag], [304, '', etag]);
  const later = new Date(Date.now() + 5000).toUTCString();
  const earlier = new Date(Date.now() - 60_000).toUTCString();
  assert.equal((await get({ 'if-modified-since': later })).status, 304);
  assert.equal((await get({ 'if-modified-since': earlier })).status, 200);
  assert.equal((await get({ 'if-unmodified-since': earlier })).status, 412);
  assert.equal((await get({ 'if-unmodified-since': earlier, 'if-match': etag })).status, 200);
  const head = await get({ range: 'bytes=0-1' }, 'HEAD');
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [206, '', '2']);
  const overridden = await call({
    path: '/pail/digits?response-content-type=text%2Fx&response-expires=never',
  });
  assert.deepEqual([overridden.headers['content-type'], overridden.headers.expires], ['text/x', 'never']);
  assert.equal((await call({ path: '/pail/digits?response-content-type=a%0D%0Ab' })).status, 400);
});

test('documents: entities are decoded, a DTD, nonsense and too much are refused', async () => {
  await put("it's%20%26%20that", 'x');
  const remove = async (body: string) => call({ method: 'POST', path: '/pail?delete', body });
  const gone = await remove('<Delete><Object><Key>it&apos;s &#38; that</Key></Object></Delete>');
  assert.match(gone.body, /<Deleted><Key>it's &amp; that<\/Key><\/Deleted>/);
  assert.equal((await call({ path: "/pail/it's%20%26%20that" })).status, 404);
  const bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>';
  for (const body of [
    `${bomb}<Delete><Object><Key>&b;</Key></Object></Delete>`,
    '<Delete><Object><Key>&unknown;</Key></Object></Delete>',
    '<Delete><Object><Key>a</Key>',
    '<Delete></Delete>',
    '<Other><Object><Key>a</Key></Object></Other>',
    `<Delete>${'<Object><Key>a</Key></Object>'.repeat(1001)}</Delete>`,
    `<Delete>${'<a>'.repeat(5000)}</Delete>`,
    `<Delete><Object><Key>${'a'.repeat(5_000_000)}</Key></Object></Delete>`,
    'not xml',
  ])
    assert.equal(code(await remove(body)), 'MalformedXML', body.slice(0, 60));
  const unproved = await call({
    method: 'POST',
    path: '/pail?delete',
    payload: 'UNSIGNED-PAYLOAD',
    body: '<Delete><Object><Key>a</Key></Object></Delete>',
  });
  assert.equal(code(unproved), 'InvalidRequest');
});

test('what a name says is escaped in every document', async () => {
  const key = '%3CKey%3E%26%22x';
  await put(key, 'x');
  const list = await call({ path: '/pail?prefix=%3CKey' });
  assert.match(list.body, /<Prefix>&lt;Key<\/Prefix>/);
  assert.match(list.body, /<Key>&lt;Key&gt;&amp;&quot;x<\/Key>/);
  await call({ method: 'DELETE', path: `/pail/${key}` });
});

test('OBS clients may ask for their dialect without a signature', async () => {
  const ask = (path: string) => sendRaw(gateway.port, { method: 'HEAD', path });
  assert.deepEqual(
    [(await ask('/?apiversion')).status, (await ask('/?apiversion')).headers['x-obs-api']],
    [200, '3.0'],
  );
  assert.equal((await ask('/pail?apiversion')).status, 200);
  assert.equal((await ask('/none?apiversion')).status, 404);
});

test('a storage class is kept under both names', async () => {
  await call({ method: 'PUT', path: '/warm', headers: { 'x-amz-storage-class': 'STANDARD_IA' } });
  const read = await call({ path: '/warm?storagePolicy' });
  assert.match(read.body, /<StoragePolicy [^>]*><DefaultStorageClass>STANDARD_IA</);
  await call({ method: 'PUT', path: '/warm/a', body: 'x' });
  assert.equal((await call({ path: '/warm/a' })).headers['x-amz-storage-class'], 'STANDARD_IA');
  const set = await call({
    method: 'PUT',
    path: '/warm?storageClass',
    body: '<StorageClass>COLD</StorageClass>',
  });
  assert.equal(set.status, 200);
  assert.match((await call({ path: '/warm?storagePolicy' })).body, /GLACIER/);
});

test('sub-resources that aren’t done are refused, never taken for the object', async () => {
  await put('kept', 'kept');
  for (const path of [
    '/pail/kept?append&position=4',
    '/pail/kept?tagging',
    '/pail/kept?retention',
    '/pail?policy',
  ])
    assert.equal(code(await call({ method: 'PUT', path, body: 'x' })), 'NotImplemented', path);
  assert.equal((await call({ path: '/pail/kept' })).body, 'kept');
  assert.equal((await call({ path: '/pail/kept?versionId=null' })).body, 'kept');
  assert.equal(code(await call({ path: '/pail/kept?versionId=other' })), 'NoSuchVersion');
  assert.equal(code(await call({ path: '/pail?cors' })), 'NoSuchCORSConfiguration');
  assert.equal(code(await call({ method: 'PATCH', path: '/pail/kept' })), 'MethodNotAllowed');
});

test('a multipart upload: parts in any order, read back by number, repeated Complete', async () => {
  const big = randomBytes(5 * 1024 * 1024);
  const created = await call({
    method: 'POST',
    path: '/pail/multi?uploads',
    headers: { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-meta-note': 'n' },
  });
  const id = /<UploadId>(.*?)</.exec(created.body)![1]!;
  const part = async (number: number, body: string | Uint8Array) =>
    (await call({ method: 'PUT', path: `/pail/multi?partNumber=${number}&uploadId=${id}`, body })).headers;
  const second = await part(2, 'tail');
  const first = await part(1, big);
  const list = await call({ path: `/pail/multi?uploadId=${id}` });
  assert.match(list.body, /<PartNumber>1<.*<PartNumber>2</s);
  const body = `<CompleteMultipartUpload>${[first, second]
    .map(
      (headers, i) =>
        `<Part><PartNumber>${i + 1}</PartNumber><ETag>${headers.etag!.replaceAll('"', '&quot;')}</ETag></Part>`,
    )
    .join('')}</CompleteMultipartUpload>`;
  const complete = () => call({ method: 'POST', path: `/pail/multi?uploadId=${id}`, body });
  const done = await complete();
  assert.match(done.body, /<ETag>&quot;[0-9a-f]{32}-2&quot;<\/ETag><ChecksumCRC32>.{8}-2</);
  assert.equal((await complete()).status, 200);
  const got = await call({ path: '/pail/multi?partNumber=2', headers: { 'x-amz-checksum-mode': 'ENABLED' } });
  assert.deepEqual([got.status, got.body, got.headers['x-amz-mp-parts-count']], [206, 'tail', '2']);
  assert.equal(got.headers['x-amz-checksum-crc32'], crcOf('tail'));
  assert.equal(got.headers['x-amz-meta-note'], 'n');
  assert.equal(code(await call({ path: '/pail/multi?partNumber=3' })), 'InvalidPartNumber');
  const copied = await call({
    method: 'PUT',
    path: '/pail/copy',
    headers: { 'x-amz-copy-source': 'pail%2Fmulti' },
  });
  assert.match(copied.body, /<CopyObjectResult/);
  await call({ method: 'DELETE', path: '/pail/multi' });
  assert.equal((await call({ path: '/pail/copy', headers: { range: 'bytes=-4' } })).body, 'tail');
});
