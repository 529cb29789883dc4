/** The bucket listener through the unchanged OBS SDK, in its own dialect (virtual hosts) and in S3's. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startServer } from '../harness.ts';
import type { Running } from '../harness.ts';

interface ObsAnswer {
  readonly CommonMsg: { readonly Status: number; readonly Code: string; readonly Message: string };
  readonly InterfaceResult: Readonly<Record<string, unknown>> | null;
}
type ObsCall = (request: Readonly<Record<string, unknown>>) => Promise<ObsAnswer>;
type ObsClient = {
  createSignedUrlSync(request: Record<string, unknown>): { SignedUrl: string };
  close(): void;
} & {
  [name: string]: ObsCall;
};
const ObsClientClass = createRequire(import.meta.url)('esdk-obs-nodejs') as new (
  options: Record<string, unknown>,
) => ObsClient;

// Not every machine knows names under localhost.
const lookup = dns.lookup as unknown as (host: string, ...rest: unknown[]) => void;
dns.lookup = ((host: string, ...rest: unknown[]) =>
  lookup(host.endsWith('.localhost') ? 'localhost' : host, ...rest)) as typeof dns.lookup;

let server: Running;
let folder: string;
const bytes = randomBytes(20_000_000);
before(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), 'imageyard-obs-'));
  writeFileSync(join(folder, 'file'), bytes);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function clientAt(host: string): Promise<ObsClient> {
  const client = new ObsClientClass({
    access_key_id: server.ready.accessKey,
    secret_access_key: server.ready.secretKey,
    server: `http://${host}:${new URL(server.ready.bucket).port}`,
    max_retry_count: 0,
  });
  await pause(50); // it can't be called in the tick of its construction
  return client;
}

async function ok(answer: Promise<ObsAnswer>, status = 200): Promise<Readonly<Record<string, unknown>>> {
  const { CommonMsg, InterfaceResult } = await answer;
  assert.equal(CommonMsg.Status, status, `${CommonMsg.Code}: ${CommonMsg.Message}`);
  return InterfaceResult ?? {};
}

for (const [dialect, host, warm] of [
  ['OBS', 'localhost', 'WARM'],
  ['S3', '127.0.0.1', 'STANDARD_IA'],
] as const) {
  test(`esdk-obs-nodejs, ${dialect} dialect`, async () => {
    const obs = await clientAt(host);
    const Bucket = `esdk-${dialect.toLowerCase()}`;
    await ok(obs['createBucket']!({ Bucket, Location: server.ready.region }));
    const Key = 'dir a/café+x.qcow2';
    const put = await ok(
      obs['putObject']!({ Bucket, Key, SourceFile: join(folder, 'file'), Metadata: { os: 'debian 12' } }),
    );
    assert.match(String(put['ETag']), /^"[0-9a-f]{32}"$/);
    const SaveAsFile = join(folder, `${dialect}-back`);
    await ok(obs['getObject']!({ Bucket, Key, SaveAsFile }));
    assert.ok(readFileSync(SaveAsFile).equals(bytes));
    const head = await ok(obs['getObjectMetadata']!({ Bucket, Key }));
    assert.equal(head['ContentLength'], '20000000');
    assert.deepEqual(head['Metadata'], { os: 'debian 12' });

    const big = 'big';
    const { UploadId } = await ok(obs['initiateMultipartUpload']!({ Bucket, Key: big }));
    const Parts: { PartNumber: number; ETag: unknown }[] = [];
    const PartSize = 8_000_000;
    for (let PartNumber = 1; (PartNumber - 1) * PartSize < bytes.length; PartNumber += 1) {
      const Offset = (PartNumber - 1) * PartSize;
      const part = {
        Bucket,
        Key: big,
        UploadId,
        PartNumber,
        SourceFile: join(folder, 'file'),
        Offset,
        PartSize,
      };
      Parts.push({ PartNumber, ETag: (await ok(obs['uploadPart']!(part)))['ETag'] });
    }
    const listed = await ok(obs['listParts']!({ Bucket, Key: big, UploadId }));
    assert.equal((listed['Parts'] as unknown[]).length, 3);
    await ok(obs['completeMultipartUpload']!({ Bucket, Key: big, UploadId, Parts }));
    await ok(obs['getObject']!({ Bucket, Key: big, SaveAsFile }));
    assert.ok(readFileSync(SaveAsFile).equals(bytes));
    const range = await ok(obs['getObject']!({ Bucket, Key: big, Range: 'bytes=10-19' }), 206);
    assert.equal(String(range['ContentLength']), '10');

    await ok(obs['copyObject']!({ Bucket, Key: 'copy', CopySource: `${Bucket}/${Key}` }));
    const list = await ok(obs['listObjects']!({ Bucket, Delimiter: '/' }));
    assert.deepEqual(
      (list['Contents'] as { Key: string }[]).map((object) => object.Key),
      ['big', 'copy'],
    );
    assert.deepEqual(
      (list['CommonPrefixes'] as { Prefix: string }[]).map(({ Prefix }) => Prefix),
      ['dir a/'],
    );

    await ok(obs['setBucketStoragePolicy']!({ Bucket, StorageClass: 'WARM' }));
    assert.equal((await ok(obs['getBucketStoragePolicy']!({ Bucket })))['StorageClass'], warm);
    assert.equal((await ok(obs['getBucketLocation']!({ Bucket })))['Location'], server.ready.region);
    const signed = obs.createSignedUrlSync({ Method: 'GET', Bucket, Key: 'copy', Expires: 600 });
    const linked = await fetch(signed.SignedUrl);
    assert.equal((await linked.arrayBuffer()).byteLength, bytes.length);

    const absent = await obs['getObjectMetadata']!({ Bucket, Key: 'absent' });
    assert.equal(absent.CommonMsg.Status, 404);
    const keys = [{ Key }, { Key: 'big' }, { Key: 'copy' }];
    const gone = await ok(obs['deleteObjects']!({ Bucket, Objects: keys }));
    assert.equal((gone['Deleteds'] as unknown[]).length, 3);
    await ok(obs['deleteBucket']!({ Bucket }), 204);
    obs.close();
  });
}
