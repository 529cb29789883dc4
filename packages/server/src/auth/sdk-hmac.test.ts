import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  canonicalRequests,
  emptySha256,
  formatSdkDate,
  isSignatureRight,
  parseAuthorization,
  parseSdkDate,
  sha256,
  stringToSign,
} from './sdk-hmac.ts';
import type { SignedRequest } from './sdk-hmac.ts';

const secret = 'SecretKeyExample0123456789';
const date = '20241106T071454Z';
const body = '{"image_url":"ims-image:centos7_5.qcow2"}';
const upload = '/v1/cloudimages/4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86/upload';
const headers: Readonly<Record<string, string>> = {
  accept: 'application/json',
  'content-type': 'application/json',
  host: 'ims.eu-de.example.com',
  'user-agent': 'example/1.0',
  'x-project-id': '0b1e494e2660441a957313163095fe5c',
  'x-sdk-date': date,
};

function request(change: Partial<SignedRequest> = {}): SignedRequest {
  return {
    method: 'PUT',
    url: upload,
    header: (name) => headers[name],
    date,
    payload: sha256(body),
    ...change,
  };
}

function dialectA(
  signature: string,
  signedHeaders = 'content-type;host;x-project-id;x-sdk-date',
  access = 'AKEXAMPLE',
) {
  return parseAuthorization(
    `SDK-HMAC-SHA256 Access=${access}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  )!;
}

function dialectB(signature: string, scope = '20241106///sdk_request') {
  return parseAuthorization(
    `SDK-HMAC-SHA256 Credential=AKEXAMPLE/${scope}, ` +
      `SignedHeaders=accept;content-type;host;user-agent;x-sdk-date, Signature=${signature}`,
  )!;
}

const rightA = '159ccf336e4bb2d441ae7bdf120882c9f8e27b089ac4d5f55ee0ac917df1c9c7';
const rightB = 'f4abb4c7e5a747d6e6e0868e81a6bcdfbca8ae15fec4cb52990564dee290d78d';

test("dialect A: register with a body, as Huawei's Node SDK signs it", () => {
  const authorization = dialectA(rightA);
  const [canonical] = canonicalRequests(authorization, request());
  assert.equal(
    canonical,
    `PUT
${upload}/

content-type:application/json
host:ims.eu-de.example.com
x-project-id:0b1e494e2660441a957313163095fe5c
x-sdk-date:20241106T071454Z

content-type;host;x-project-id;x-sdk-date
c1fe20bcb741cd78ccd49bee76d9320619ee80658f5479c92bc5b4723dbbbdf2`,
  );
  assert.equal(
    stringToSign(authorization, date, canonical!),
    `SDK-HMAC-SHA256\n${date}\na973d1ad5a70a294831ebdb33689df5b6537414d724ea9a138f4d1f799c55700`,
  );
  assert.ok(isSignatureRight(authorization, request(), secret));
});

test('dialect B: register with a body, as gophertelekomcloud signs it', () => {
  const authorization = dialectB(rightB);
  const [canonical] = canonicalRequests(authorization, request());
  assert.equal(
    stringToSign(authorization, date, canonical!),
    `SDK-HMAC-SHA256\n${date}\n20241106///sdk_request\na0aa6029f22a528d7022f53e532c06ce9d8daa7dfa895f99cb38af556150d4d7`,
  );
  assert.ok(isSignatureRight(authorization, request(), secret));
});

test('dialect B: region and service belong to the key and the text', () => {
  const signature = 'd94cdf80ed1929338a252a7395cedb1a4b44ec76d44a0e670f1e27fbb1ef3f3f';
  assert.ok(isSignatureRight(dialectB(signature, '20241106/eu-de/ims/sdk_request'), request(), secret));
  assert.ok(!isSignatureRight(dialectB(signature), request(), secret));
});

test('dialect A: a query is decoded, encoded and sorted by bytes', () => {
  const url =
    '/v2/cloudimages?__imagetype=private&limit=2&name=a%20b%26c&created_at=gte:2024-01-01T00:00:00Z';
  const authorization = dialectA(
    'ea8b15f311094c62db66809d9a7504921d4b7bde0a4715f606cf90cb763d57f3',
    'host;x-project-id;x-sdk-date',
  );
  const listing = request({ method: 'GET', url, payload: 'none' });
  const [canonical] = canonicalRequests(authorization, listing);
  assert.equal(
    canonical!.split('\n')[2],
    '__imagetype=private&created_at=gte%3A2024-01-01T00%3A00%3A00Z&limit=2&name=a%20b%26c',
  );
  assert.equal(sha256(canonical!), 'e069c15ccda00dc0aeaaef12487e2626ecabf7b60028a63127b064c74881bc05');
  assert.ok(isSignatureRight(authorization, listing, secret));
});

test("dialect A: the vectors that Huawei's SDKs publish", () => {
  const published = (signature: string) => dialectA(signature, 'x-sdk-date', 'AccessKey');
  const at = { date: '20060102T150405Z', header: () => '20060102T150405Z' };
  assert.ok(
    isSignatureRight(
      published('5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624'),
      request({ ...at, method: 'GET', url: '/path?limit=1', payload: 'none' }),
      'SecretKey',
    ),
  );
  assert.ok(
    isSignatureRight(
      published('cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59'),
      request({ ...at, method: 'POST', url: '/path?key=value', payload: sha256('{"Name":"test","Id":1}\n') }),
      'SecretKey',
    ),
  );
});

test('every signed part counts: method, path, query, header, body, date, secret', () => {
  const changes: Partial<SignedRequest>[] = [
    { method: 'POST' },
    { url: `${upload}x` },
    { url: `${upload}?a=b` },
    { header: (name) => (name === 'host' ? 'other.example.com' : headers[name]) },
    { header: (name) => (name === 'x-project-id' ? undefined : headers[name]) },
    { payload: sha256(`${body} `) },
    { payload: 'none' },
    { date: '20241106T071455Z' },
  ];
  for (const change of changes) {
    assert.ok(!isSignatureRight(dialectA(rightA), request(change), secret), JSON.stringify(change));
  }
  assert.ok(!isSignatureRight(dialectA(rightA), request(), `${secret}0`));
  assert.ok(!isSignatureRight(dialectA(`0${rightA.slice(1)}`), request(), secret));
});

test('dialect B: a POST without a body signs its query as the payload', () => {
  const authorization = dialectB(rightB);
  const [canonical] = canonicalRequests(
    authorization,
    request({ method: 'POST', url: '/v1/x?b=2%203&a=1&b=1', payload: 'none' }),
  );
  const lines = canonical!.split('\n');
  assert.equal(lines[2], '');
  assert.equal(lines.at(-1), sha256('a=1&b=2+3&b=1'));
  const [plain] = canonicalRequests(
    dialectA(rightA),
    request({ method: 'POST', url: '/v1/x', payload: 'none' }),
  );
  assert.equal(plain!.split('\n').at(-1), emptySha256);
});

test('dialect B: names sort whatever their case, repeated ones count once, spaces are squeezed', () => {
  const odd = request({
    method: 'GET',
    url: '/x?b=1&A=2&b=0',
    payload: 'none',
    header: (name) => (name === 'user-agent' ? '  a   b ' : ''),
  });
  const lines = canonicalRequests(dialectB(rightB), odd)[0]!.split('\n');
  assert.equal(lines[2], 'A=2&b=1');
  assert.ok(lines.includes('user-agent:a b'));
  const linesA = canonicalRequests(dialectA(rightA), odd)[0]!.split('\n');
  assert.equal(linesA[2], 'A=2&b=0&b=1');
});

test('a path that a client encoded twice is recognised, and bad encoding is no crash', () => {
  const forms = canonicalRequests(dialectA(rightA), request({ url: '/v2/images/a%20b' }));
  assert.deepEqual(
    forms.map((form) => form.split('\n')[1]),
    ['/v2/images/a%20b/', '/v2/images/a%2520b/'],
  );
  const [only, ...none] = canonicalRequests(dialectA(rightA), request({ url: '/v2/%ff%/?%zz=%' }));
  assert.equal(only!.split('\n')[1], '/v2/%25ff%25/');
  assert.equal(none.length, 0);
});

test('headers that are not well-formed are not understood', () => {
  const hex = '0'.repeat(64);
  for (const header of [
    '',
    'SDK-HMAC-SHA256',
    `SDK-HMAC-SHA256 Access=a, Signature=${hex}`,
    `SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=${hex.slice(1)}`,
    `SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=${'g'.repeat(64)}`,
    `SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=${hex}, Signature=${hex}`,
    `SDK-HMAC-SHA256 Credential=a/20241106///sdk_request/x, SignedHeaders=x-sdk-date, Signature=${hex}`,
    `SDK-HMAC-SHA256 Credential=a/2024110///sdk_request, SignedHeaders=x-sdk-date, Signature=${hex}`,
    `SDK-HMAC-SHA256 Credential=a/20241106///aws4_request, SignedHeaders=x-sdk-date, Signature=${hex}`,
    `V11-HMAC-SHA256 Credential=a/b/c, SignedHeaders=x-sdk-date, Signature=${hex}`,
    `AWS4-HMAC-SHA256 Credential=a/20241106/r/s3/aws4_request, SignedHeaders=host, Signature=${hex}`,
  ])
    assert.equal(parseAuthorization(header), undefined, header);
  const noSpaces = parseAuthorization(
    `SDK-HMAC-SHA256 Access=a,SignedHeaders=Host;x-sdk-date,Signature=${hex}`,
  );
  assert.deepEqual(noSpaces?.signedHeaders, ['host', 'x-sdk-date']);
});

test('dates', () => {
  assert.equal(parseSdkDate(date), Date.UTC(2024, 10, 6, 7, 14, 54));
  assert.equal(formatSdkDate(Date.UTC(2024, 10, 6, 7, 14, 54)), date);
  for (const text of ['2024-11-06T07:14:54Z', '20241306T071454Z', '20241106T071454', '20241106T251454Z', ''])
    assert.equal(parseSdkDate(text), undefined, text);
});
