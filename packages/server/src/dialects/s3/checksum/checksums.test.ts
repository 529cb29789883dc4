import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { ChecksumAlgorithm, UploadPart } from '@imageyard/core';
import { Headers } from '../headers.ts';
import { checksumKinds, startChecksum } from './algorithms.ts';
import { bodyClaims } from './claims.ts';
import { combineCrcs } from './combine.ts';
import type { CombinableAlgorithm } from './combine.ts';
import { multipartChecksum } from './multipart.ts';

async function checksum(
  algorithm: ChecksumAlgorithm,
  bytes: Uint8Array,
  piece = bytes.length || 1,
): Promise<string> {
  const running = await startChecksum(algorithm);
  for (let at = 0; at < bytes.length; at += piece) running.update(bytes.subarray(at, at + piece));
  return running.digest();
}

// Published check values of each algorithm over the digits 1 to 9.
const check = {
  crc32: 'y/Q5Jg==',
  crc32c: '4waSgw==',
  crc64nvme: 'rosUhgp5mIg=',
  sha1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
  sha256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=',
} as const;

test('every algorithm gives its published check value, in pieces too', async () => {
  for (const [algorithm, value] of Object.entries(check)) {
    assert.equal(await checksum(algorithm as ChecksumAlgorithm, Buffer.from('123456789')), value, algorithm);
    assert.equal(
      await checksum(algorithm as ChecksumAlgorithm, Buffer.from('123456789'), 2),
      value,
      algorithm,
    );
  }
});

const parts = [Buffer.alloc(5 * 1024 * 1024, 'a'), Buffer.from('tail')];

async function asParts(algorithm: ChecksumAlgorithm): Promise<UploadPart[]> {
  const made: UploadPart[] = [];
  for (const [index, bytes] of parts.entries())
    made.push({
      partNumber: index + 1,
      blobId: '',
      sizeBytes: bytes.length,
      md5: '',
      checksum: await checksum(algorithm, bytes),
      createdAt: 0,
    });
  return made;
}

test('multipart checksums, composite and of the whole, are those that S3 gives', async () => {
  const expected = [
    ['crc32', 'COMPOSITE', '4fn9rQ==-2'],
    ['crc32', 'FULL_OBJECT', 'cX+/tw=='],
    ['crc32c', 'COMPOSITE', 'KYE/qQ==-2'],
    ['crc32c', 'FULL_OBJECT', '7lzcuA=='],
    ['crc64nvme', 'FULL_OBJECT', 'b4bnuwQ4s4A='],
    ['sha256', 'COMPOSITE', '02fcpk5/QKJNsvzEdkeBlFeIWeYNwKJOAWPjbe9fHIs=-2'],
  ] as const;
  for (const [algorithm, type, value] of expected)
    assert.equal(
      multipartChecksum({ algorithm, type }, await asParts(algorithm))?.value,
      value,
      `${algorithm} ${type}`,
    );
});

test('combined CRCs are those of the whole, whatever the lengths', async () => {
  for (const algorithm of ['crc32', 'crc32c', 'crc64nvme'] as CombinableAlgorithm[]) {
    const bytes = [0, 1, 7, 65_536, 100_001].map((size) => randomBytes(size));
    const pieces = [];
    for (const part of bytes) pieces.push({ value: await checksum(algorithm, part), sizeBytes: part.length });
    assert.equal(combineCrcs(algorithm, pieces), await checksum(algorithm, Buffer.concat(bytes)), algorithm);
  }
});

test('ten thousand parts are combined without holding up other requests', async () => {
  const piece = { value: 'rosUhgp5mIg=', sizeBytes: 16 * 1024 * 1024 };
  const many = Array.from({ length: 10_000 }, () => piece);
  combineCrcs('crc64nvme', many.slice(0, 1000));
  const start = performance.now();
  combineCrcs('crc64nvme', many);
  assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`); // about 10
});

const claims = (
  headers: Record<string, string>,
  payload: Parameters<typeof bodyClaims>[1] = { kind: 'plain' },
) => bodyClaims(new Headers(Object.entries(headers)), payload);

test('claims that contradict each other or have the wrong length are refused', () => {
  assert.equal(claims({ 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }).md5, 'd41d8cd98f00b204e9800998ecf8427e');
  for (const md5 of ['', 'YWJyYWNhZGFicmE=', 'd41d8cd98f00b204e9800998ecf8427e', '1B2M2Y8AsgTpgAmY7PhCfg='])
    assert.throws(() => claims({ 'content-md5': md5 }), { code: 'InvalidDigest' }, md5);
  assert.deepEqual(claims({ 'x-amz-checksum-crc32': check.crc32 }).checksum, {
    algorithm: 'crc32',
    value: check.crc32,
  });
  assert.throws(() => claims({ 'x-amz-checksum-crc32': check.sha1 }), { code: 'BadDigest' });
  assert.throws(() => claims({ 'x-amz-checksum-crc32': check.crc32, 'x-amz-checksum-sha1': check.sha1 }), {
    code: 'InvalidRequest',
  });
  assert.throws(() => claims({ 'x-amz-checksum-xxhash3': check.crc32 }), { code: 'InvalidRequest' });
  assert.throws(() => claims({ 'x-amz-sdk-checksum-algorithm': 'CRC32' }), { code: 'InvalidRequest' });
  const trailing = { kind: 'chunked', hasTrailer: true, seed: undefined } as const;
  const found = claims(
    { 'x-amz-sdk-checksum-algorithm': 'CRC32', 'x-amz-trailer': 'x-amz-checksum-crc32' },
    trailing,
  );
  assert.deepEqual(found.checksum, { algorithm: 'crc32', value: undefined });
  assert.deepEqual(found.trailers, ['x-amz-checksum-crc32']);
  assert.equal(checksumKinds.sha256.multipart, 'COMPOSITE');
});
