import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { DomainError } from '@imageyard/core';
import type { Actor } from '@imageyard/core';
import { awsChunked } from '../body/aws-chunked.ts';
import { Headers } from '../headers.ts';
import { parseTarget } from '../target.ts';
import { authenticate } from './authenticate.ts';
import type { KeyStore } from './authenticate.ts';
import type { SignedRequest } from './signed-request.ts';

// Made by other programs' own signing code: botocore, minio-go, esdk-obs-nodejs.
const secret = 'SecretKeyExample0123456789';
const host = 's3.eu-de.example.com';
const now = Date.parse('2024-11-06T07:14:54Z');
const path = '/images/dir%20a/caf%C3%A9%2Bx.qcow2';
const dateTime = '20241106T071454Z';
const date = 'Wed, 06 Nov 2024 07:14:54 GMT';
const scope = 'AKEXAMPLE/20241106/eu-de/s3/aws4_request';

const keys: KeyStore = {
  async findAccessKey(access) {
    if (access !== 'AKEXAMPLE') throw new DomainError('key-unknown', 'no such key');
    return { access, secret, userId: 'u', projectId: 'p' };
  },
  actorForKey: () => Promise.resolve({ userId: 'u' } as Actor),
};

function request(method: string, url: string, headers: Record<string, string>, to = host): SignedRequest {
  return {
    method,
    target: parseTarget(url, to, [host]),
    headers: new Headers(Object.entries({ Host: to, ...headers })),
  };
}
const check = (signed: SignedRequest, at = now) => authenticate(signed, { keys, now: at });

const v4 = (signedHeaders: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;

const bodyHash = '84d8fd5280a5162aaf5c5d9aeb069b2660500eabeeda58ce2bb10595827e08ad';
const put = {
  'x-amz-content-sha256': bodyHash,
  'x-amz-date': dateTime,
  'x-amz-meta-os': 'debian 12',
  Authorization: v4(
    'host;x-amz-content-sha256;x-amz-date;x-amz-meta-os',
    '139e3f2248233428f153f47e5a4b03ef6f811dc0adb9c458cebf08c0fabf9849',
  ),
};

test('SigV4 header: the signature of botocore holds', async () => {
  const { payload } = await check(request('PUT', path, put));
  assert.deepEqual(payload, { kind: 'hashed', sha256: bodyHash });
});

test('SigV4 header: blanks after commas are optional and runs of spaces count as one', async () => {
  const tight = put.Authorization.replaceAll(', ', ',');
  await check(request('PUT', path, { ...put, Authorization: tight, 'x-amz-meta-os': '  debian   12 ' }));
});

test('SigV4 header: whatever is changed, added, late or unknown is refused with its own code', async () => {
  const refused = async (code: string, changes: Record<string, string>, method = 'PUT', at = now) =>
    assert.rejects(check(request(method, path, { ...put, ...changes }), at), { code });
  await refused('SignatureDoesNotMatch', { 'x-amz-meta-os': 'debian 13' });
  await refused('SignatureDoesNotMatch', {}, 'GET');
  await refused('AccessDenied', { 'x-amz-acl': 'public-read' });
  await refused('RequestTimeTooSkewed', {}, 'PUT', now + 16 * 60_000);
  await refused('AuthorizationHeaderMalformed', { Authorization: 'AWS4-HMAC-SHA256 Credential=x' });
  await refused(
    'AuthorizationHeaderMalformed',
    { 'x-amz-date': '20241107T000000Z' },
    'PUT',
    now + 17 * 3600_000,
  );
  await refused('AccessDenied', { Authorization: '' });
  await refused('AccessDenied', { Authorization: 'Bearer abc' });
  await refused('InvalidToken', { 'x-amz-security-token': 'abc' });
  await assert.rejects(
    check(request('PUT', path, { ...put, Authorization: put.Authorization.replace('AKEXAMPLE', 'AKOTHER') })),
    { kind: 'key-unknown' },
  );
  await assert.rejects(check(request('PUT', `${path}?Signature=a&Expires=1&AWSAccessKeyId=b`, put)), {
    code: 'InvalidArgument',
  });
});

test('SigV4 header: a region is checked only when asked for', async () => {
  const options = { keys, now, onlyRegion: 'eu-nl' };
  await assert.rejects(authenticate(request('PUT', path, put), options), {
    code: 'AuthorizationHeaderMalformed',
    facts: { Region: 'eu-nl' },
  });
});

const presigned =
  `${path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKEXAMPLE%2F20241106%2Feu-de%2Fs3%2Faws4_request` +
  `&X-Amz-Date=${dateTime}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host` +
  '&response-content-type=application%2Foctet-stream' +
  '&X-Amz-Signature=01023451d26b680a3245f209aad27b9f74fbf530adb3a048de0694b9be5c1f61';

test('SigV4 presigned: holds for its time, for what it covers', async () => {
  assert.deepEqual((await check(request('GET', presigned, {}))).payload, { kind: 'plain' });
  await check(request('GET', presigned, { 'Content-Type': 'text/plain' }));
  const refused = async (code: string, message: RegExp, url: string, at = now, headers = {}) =>
    assert.rejects(check(request('GET', url, headers), at), { code, message });
  await refused('AccessDenied', /has expired/, presigned, now + 3601_000);
  await refused('AccessDenied', /not yet valid/, presigned, now - 16 * 60_000);
  await refused('AccessDenied', /not signed/, presigned, now, { 'x-amz-copy-source': 'a/b' });
  await refused('AccessDenied', /between 1 and/, presigned.replace('Expires=3600', 'Expires=604801'));
  await refused('AccessDenied', /between 1 and/, presigned.replace('Expires=3600', 'Expires=0'));
  await refused('SignatureDoesNotMatch', /does not match/, `${presigned}&versionId=1`);
  await refused(
    'AuthorizationQueryParametersError',
    /should be a number/,
    presigned.replace('Expires=3600', 'Expires=x'),
  );
});

const signedChunked = (payload: string, length: number, more: string, signature: string, extra = {}) =>
  request('PUT', '/images/chunked.bin', {
    'content-encoding': 'aws-chunked',
    'content-length': String(length),
    'x-amz-content-sha256': payload,
    'x-amz-date': dateTime,
    'x-amz-decoded-content-length': '66536',
    ...extra,
    Authorization: v4(
      `content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length${more}`,
      signature,
    ),
  });
const letters = (count: number) => Buffer.alloc(count, 'a');

async function decode(signed: SignedRequest, body: Buffer, piece: number, trailers: readonly string[] = []) {
  const { payload } = await check(signed);
  assert.equal(payload.kind, 'chunked');
  if (payload.kind !== 'chunked') throw new Error('unreachable');
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += piece) pieces.push(body.subarray(at, at + piece));
  const found = new Map<string, string>();
  const options = { seed: payload.seed, trailers: payload.hasTrailer ? trailers : undefined };
  const chunks: Buffer[] = [];
  for await (const chunk of awsChunked(
    Readable.from(pieces),
    options,
    (name, value) => void found.set(name, value),
  ))
    chunks.push(chunk);
  return { bytes: Buffer.concat(chunks), trailers: found };
}

const chunk = (size: number, signature: string) =>
  Buffer.concat([
    Buffer.from(`${size.toString(16)};chunk-signature=${signature}\r\n`),
    letters(size),
    Buffer.from('\r\n'),
  ]);

test('signed chunks: those of minio-go hold, cut anywhere', async () => {
  const signed = signedChunked(
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    66_800,
    '',
    '00a3a427c0be3a24aab8117c23556d155144b63a7bbfdaec4bc64664145cdb7c',
  );
  const body = Buffer.concat([
    chunk(65_536, '4540070e9e64a2ba0b32fa60c9721a2803bab80149972449c0aa03ffe499ab28'),
    chunk(1000, 'cc3ecedc8a9a7783439bbbaed6d5727018691fe3360cf9990d6c74a3693d403e'),
    chunk(0, '38f33699e2ad5b88f5a2cef7c2b195c5bc25ee90a5b57b33daab00ddc178bc35'),
  ]);
  assert.equal(body.length, 66_800);
  for (const piece of [66_800, 1024, 7]) {
    const { bytes } = await decode(signed, body, piece);
    assert.ok(bytes.equals(letters(66_536)));
  }
  const spoilt = Buffer.from(body);
  spoilt[200] = 'b'.charCodeAt(0);
  await assert.rejects(decode(signed, spoilt, 4096), { code: 'SignatureDoesNotMatch' });
  const swapped = Buffer.from(body.toString('latin1').replace('cc3e', 'cc3f'), 'latin1');
  await assert.rejects(decode(signed, swapped, 4096), { code: 'SignatureDoesNotMatch' });
  await assert.rejects(decode(signed, body.subarray(0, 66_000), 4096), { code: 'IncompleteBody' });
});

test('signed chunks and trailer: those of minio-go hold, with its line ends', async () => {
  const signed = signedChunked(
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    66_923,
    ';x-amz-trailer',
    '8d41117eb646a25f1cd422bc43ad37518a876c59a3212aaf86e967c4ca1ef7b8',
    { 'x-amz-trailer': 'x-amz-checksum-crc32c' },
  );
  const trailerSignature = '82831a821a68cd19f104f6821614cf243e422e9ef72ded984f77119d551fd940';
  const body = (lineEnd: string, value = 'QiayUQ==', signature = trailerSignature) =>
    Buffer.concat([
      chunk(65_536, 'b25bc945774a41a24acd311a25e0a729833c92c77cfa4e8e488a84febabccabc'),
      chunk(1000, '90cd7ca3701bc078e629cc5131b64f752888d6ead414427e936aea14418dab9b'),
      Buffer.from('0;chunk-signature=b9efbfe9d67c9be267046bedc4cd5c05096148bfb861e50d643faadcba8ffc1b\r\n'),
      Buffer.from(`x-amz-checksum-crc32c:${value}${lineEnd}x-amz-trailer-signature:${signature}\r\n\r\n`),
    ]);
  assert.equal(body('\n\r\n').length, 66_923);
  const names = ['x-amz-checksum-crc32c'];
  for (const lineEnd of ['\n\r\n', '\r\n']) {
    const { bytes, trailers } = await decode(signed, body(lineEnd), 5000, names);
    assert.ok(bytes.equals(letters(66_536)));
    assert.equal(trailers.get('x-amz-checksum-crc32c'), 'QiayUQ==');
  }
  await assert.rejects(decode(signed, body('\r\n', 'QiayUA=='), 5000, names), {
    code: 'SignatureDoesNotMatch',
  });
  await assert.rejects(decode(signed, body('\r\n'), 5000, []), { code: 'MalformedTrailerError' });
  const unsigned = Buffer.from(
    body('\r\n')
      .toString('latin1')
      .replace(/x-amz-trailer-signature:.*\r\n/, ''),
    'latin1',
  );
  await assert.rejects(decode(signed, unsigned, 5000, names), { code: 'SignatureDoesNotMatch' });
});

test('OBS header: the signatures of esdk-obs-nodejs hold', async () => {
  const headers = {
    Date: date,
    'Content-Type': 'application/octet-stream',
    'x-obs-meta-os': 'debian 12',
    'x-obs-storage-class': 'STANDARD',
    Authorization: 'OBS AKEXAMPLE:uqB1o1cec6oOKEDSMEApjCn0DsU=',
  };
  assert.deepEqual((await check(request('PUT', path, headers))).payload, { kind: 'plain' });
  // In virtual-host style the bucket stands before the path.
  await check(request('PUT', path.replace('/images', ''), headers, `images.${host}`));
  await assert.rejects(check(request('PUT', path, { ...headers, 'x-obs-storage-class': 'COLD' })), {
    code: 'SignatureDoesNotMatch',
  });
  const list = { Date: date, Authorization: 'OBS AKEXAMPLE:nG+vtR6PJXaBEaYlJiQ2yGEsPG0=' };
  await check(request('GET', '/?uploads', list, `images.${host}`));
  await check(request('GET', '/images?uploads', list));
  await check(request('GET', '/images/?uploads=&max-uploads=5', list));
  await assert.rejects(check(request('GET', '/images?uploads', list), now + 16 * 60_000), {
    code: 'RequestTimeTooSkewed',
  });
});

test('OBS URL: the signature of esdk-obs-nodejs holds until it expires', async () => {
  const url = `${path}?AccessKeyId=AKEXAMPLE&Expires=1730880894&response-content-type=text%2Fplain&Signature=cHhTs0gVDZoOEmnWVRnHHj14KII%3D`;
  await check(request('GET', url, {}), 1730880894000);
  await assert.rejects(check(request('GET', url, {}), 1730880894001), { code: 'AccessDenied' });
});

test('SigV2 header: the signature of esdk-obs-nodejs holds', async () => {
  const headers = {
    'x-amz-date': date,
    'Content-Type': 'application/octet-stream',
    'x-amz-meta-os': 'debian 12',
    Authorization: 'AWS AKEXAMPLE:BjQJJH3aUwmZTEL9xbJdPaaDKQg=',
  };
  await check(request('PUT', path, headers));
  await assert.rejects(check(request('PUT', path, { ...headers, 'Content-MD5': 'x' })), {
    code: 'SignatureDoesNotMatch',
  });
  await assert.rejects(check(request('PUT', path, { ...headers, 'x-amz-date': 'yesterday' })), {
    code: 'AccessDenied',
  });
});
