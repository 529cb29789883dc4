/** The bucket listener through unchanged clients: s3cmd, aws, rclone, boto3, Amazon's and OBS's SDKs for JavaScript. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { clientEnv, run, runOk, startServer } from '../harness.ts';
import type { Running } from '../harness.ts';

const MB = 1e6;
let server: Running;
let folder: string;
let env: Record<string, string>;
/** Random bytes of several sizes, and where they are. */
const files: Record<string, { path: string; bytes: Buffer }> = {};

before(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), 'imageyard-s3-clients-'));
  env = { ...clientEnv(server.ready), HOME: folder, AWS_MAX_ATTEMPTS: '1' };
  for (const [name, size] of [
    ['small', 1000],
    ['medium', 20 * MB],
    ['large', 60 * MB],
  ] as const) {
    const bytes = randomBytes(size);
    files[name] = { path: join(folder, name), bytes };
    writeFileSync(join(folder, name), bytes);
  }
});
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Why a test can't run, if its program is missing; in CI that is a failure. */
function missing(command: string, args: readonly string[]): string | false {
  if (spawnSync(command, args, { stdio: 'ignore' }).status === 0) return false;
  if (process.env['CI']) throw new Error(`${command} is not installed`);
  return `${command} is not installed`;
}

const host = (): string => new URL(server.ready.bucket).host;
const file = (name: 'small' | 'medium' | 'large') => files[name]!;
const same = (path: string, name: 'small' | 'medium' | 'large'): void =>
  assert.ok(readFileSync(path).equals(file(name).bytes), `${path} has other bytes`);

const noS3cmd = missing('s3cmd', ['--version']);

for (const [version, flags] of [
  ['4', []],
  ['2', ['--signature-v2']],
] as const) {
  test(`s3cmd with signatures of version ${version}`, { skip: noS3cmd }, async () => {
    const bucket = `s3cmd-v${version}`;
    const config = join(folder, `${bucket}.cfg`);
    writeFileSync(
      config,
      `[default]\naccess_key = ${server.ready.accessKey}\nsecret_key = ${server.ready.secretKey}\n` +
        `host_base = ${host()}\nhost_bucket = ${host()}\nuse_https = False\nbucket_location = ${server.ready.region}\n`,
    );
    const s3cmd = (...args: string[]) =>
      runOk('s3cmd', ['-c', config, '--no-progress', ...flags, ...args], { env });
    const there = `s3://${bucket}`;
    await s3cmd('mb', there);
    for (const name of ['small', 'medium'] as const) {
      await s3cmd('put', file(name).path, `${there}/${name}`);
      await s3cmd('get', `${there}/${name}`, join(folder, `${bucket}-${name}`));
      same(join(folder, `${bucket}-${name}`), name);
    }
    assert.match(await s3cmd('ls', there), /s3:\/\/s3cmd-v\d\/medium/);
    assert.match(await s3cmd('info', `${there}/medium`), /File size:\s+20000000/);
    await s3cmd('cp', `${there}/small`, `${there}/a b+c`);
    const odd = join(folder, 'it\'s & "odd".bin');
    writeFileSync(odd, 'odd');
    await s3cmd('put', odd, `${there}/`);
    const link = (await s3cmd('signurl', `${there}/a b+c`, '+600')).trim();
    const linked = Buffer.from(await (await fetch(link)).arrayBuffer());
    assert.ok(linked.equals(file('small').bytes), 'the signed URL gives other bytes');
    await s3cmd('del', '--recursive', '--force', there);
    assert.equal((await s3cmd('ls', there)).trim(), '');
    await s3cmd('rb', there);
  });
}

for (const command of ['/usr/bin/aws', 'aws'])
  test(`aws CLI (${command})`, { skip: missing(command, ['--version']) }, async () => {
    const bucket = `aws-cli-${createHash('md5').update(command).digest('hex').slice(0, 6)}`;
    const aws = (...args: string[]) =>
      runOk(command, ['--endpoint-url', server.ready.bucket, ...args], { env });
    const s3 = (...args: string[]) => aws('s3', ...args);
    const there = `s3://${bucket}`;
    await s3('mb', there);
    for (const name of ['small', 'medium', 'large'] as const) {
      await s3('cp', '--no-progress', file(name).path, `${there}/dir/${name}`);
      await s3('cp', '--no-progress', `${there}/dir/${name}`, join(folder, `${bucket}-${name}`));
      same(join(folder, `${bucket}-${name}`), name);
    }
    assert.match(await s3('ls', `${there}/dir/`), /60000000 large/);
    await s3('cp', '--no-progress', `${there}/dir/medium`, `${there}/copied`);
    const link = (await s3('presign', `${there}/copied`)).trim();
    const got = await runOk('curl', ['-sSf', '-o', join(folder, 'linked'), '-w', '%{size_download}', link]);
    assert.equal(got, '20000000');
    same(join(folder, 'linked'), 'medium');
    const tree = join(folder, `${bucket}-tree`);
    mkdirSync(join(tree, 'sub'), { recursive: true });
    for (const name of ['a', 'sub/b', 'sub/ü + %41']) writeFileSync(join(tree, name), name);
    await s3('sync', '--no-progress', tree, `${there}/tree`);
    await s3('sync', '--no-progress', `${there}/tree`, `${tree}-back`);
    assert.equal(readFileSync(join(`${tree}-back`, 'sub/ü + %41'), 'utf8'), 'sub/ü + %41');
    assert.equal((await s3('sync', '--no-progress', tree, `${there}/tree`)).trim(), '');
    const keys = JSON.stringify({ Objects: [{ Key: 'tree/a' }, { Key: 'absent' }] });
    assert.match(await aws('s3api', 'delete-objects', '--bucket', bucket, '--delete', keys), /absent/);
    await s3('rm', '--recursive', `${there}/tree`);
    await s3('rb', '--force', there);
    const absent = await run(command, ['--endpoint-url', server.ready.bucket, 's3', 'ls', there], { env });
    assert.match(absent.stderr, /NoSuchBucket/);
  });

test('rclone', { skip: missing('rclone', ['version']) }, async () => {
  const remote = {
    ...env,
    AWS_CA_BUNDLE: undefined, // rclone can't read it
    RCLONE_CONFIG_YARD_TYPE: 's3',
    RCLONE_CONFIG_YARD_PROVIDER: 'Other',
    RCLONE_CONFIG_YARD_ENDPOINT: server.ready.bucket,
    RCLONE_CONFIG_YARD_ACCESS_KEY_ID: server.ready.accessKey,
    RCLONE_CONFIG_YARD_SECRET_ACCESS_KEY: server.ready.secretKey,
    RCLONE_CONFIG_YARD_REGION: server.ready.region,
  };
  const rclone = (...args: string[]) => runOk('rclone', ['--retries', '1', ...args], { env: remote });
  const source = join(folder, 'rclone');
  mkdirSync(source);
  for (const name of ['small', 'medium'] as const) writeFileSync(join(source, name), file(name).bytes);
  await rclone('mkdir', 'yard:rclone');
  await rclone('copy', '--s3-upload-cutoff', '10M', source, 'yard:rclone/dir');
  await rclone('check', '--download', source, 'yard:rclone/dir');
  assert.match(await rclone('lsl', 'yard:rclone'), /20000000 .* dir\/medium/);
  await rclone('copyto', 'yard:rclone/dir/small', 'yard:rclone/other');
  await rclone('purge', 'yard:rclone');
  assert.doesNotMatch(await rclone('lsd', 'yard:'), /rclone/);
});

const boto = `
import boto3, os, sys, hashlib, socket
look_up = socket.getaddrinfo  # not every machine knows names under localhost
socket.getaddrinfo = lambda host, *rest, **more: look_up('localhost' if str(host).endswith('.localhost') else host, *rest, **more)
from botocore.config import Config
from botocore.exceptions import ClientError
endpoint, path, style = sys.argv[1:4]
s3 = boto3.client('s3', endpoint_url=endpoint, config=Config(s3={'addressing_style': style}, retries={'max_attempts': 1}))
bucket = 'boto3-' + style
s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={'LocationConstraint': os.environ['AWS_DEFAULT_REGION']})
s3.upload_file(path, bucket, 'dir/./../x y', ExtraArgs={'Metadata': {'note': 'a  b'}})
got = s3.get_object(Bucket=bucket, Key='dir/./../x y')
assert hashlib.md5(got['Body'].read()).hexdigest() == hashlib.md5(open(path, 'rb').read()).hexdigest()
assert got['Metadata'] == {'note': 'a  b'}, got['Metadata']
s3.put_object(Bucket=bucket, Key='once', Body=b'1')
try:
    s3.head_object(Bucket=bucket, Key='absent')
    raise SystemExit('absent object found')
except ClientError as error:
    assert error.response['Error']['Code'] == '404', error.response
pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, PaginationConfig={'PageSize': 1}))
assert [o['Key'] for p in pages for o in p['Contents']] == ['dir/./../x y', 'once'], pages
url = s3.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'linked'})
import urllib.request
urllib.request.urlopen(urllib.request.Request(url, data=b'by link', method='PUT'))
assert s3.get_object(Bucket=bucket, Key='linked')['Body'].read() == b'by link'
s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': k} for k in ('dir/./../x y', 'once', 'linked')]})
s3.delete_bucket(Bucket=bucket)
print('ok')
`;

const noBoto = missing('/usr/bin/python3', ['-c', 'import boto3']);
for (const style of ['path', 'virtual'])
  test(`boto3, ${style} style`, { skip: noBoto }, async () => {
    const endpoint =
      style === 'path' ? server.ready.bucket : `http://localhost:${new URL(server.ready.bucket).port}`;
    const answer = await runOk('/usr/bin/python3', ['-c', boto, endpoint, file('medium').path, style], {
      env,
    });
    assert.match(answer, /ok/);
  });

describe('AWS SDK for JavaScript', () => {
  const bucket = 'sdk-js';
  let client: S3Client;
  before(async () => {
    client = new S3Client({
      endpoint: server.ready.bucket,
      region: server.ready.region,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: server.ready.accessKey, secretAccessKey: server.ready.secretKey },
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  after(() => client.destroy());

  const bytesOf = async (Key: string) => {
    const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return Buffer.from(await got.Body!.transformToByteArray());
  };

  test('a buffer, with its checksum, and a stream without a length', async () => {
    const { bytes, path } = file('medium');
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: 'buffer', Body: bytes, Metadata: { a: 'b' } }),
    );
    assert.ok((await bytesOf('buffer')).equals(bytes));
    const upload = new Upload({
      client,
      params: { Bucket: bucket, Key: 'dir//./x', Body: Readable.from(createReadStream(path)) },
    });
    await upload.done();
    assert.ok((await bytesOf('dir//./x')).equals(bytes));
    const head = await client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: 'buffer', ChecksumMode: 'ENABLED' }),
    );
    assert.equal(head.ETag, `"${createHash('md5').update(bytes).digest('hex')}"`);
    assert.ok(head.ChecksumCRC32);
  });

  test('parts in parallel, copy, list, conditions, batch delete', async () => {
    const { path, bytes } = file('large');
    const params = { Bucket: bucket, Key: 'large', Body: createReadStream(path) };
    await new Upload({ client, params, partSize: 8 * 1024 * 1024, queueSize: 4 }).done();
    assert.ok((await bytesOf('large')).equals(bytes));
    await client.send(new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/large` }));
    await assert.rejects(
      client.send(new PutObjectCommand({ Bucket: bucket, Key: 'copy', Body: 'x', IfNoneMatch: '*' })),
      { name: 'PreconditionFailed' },
    );
    const list = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    const keys = list.Contents!.map((object) => ({ Key: object.Key! }));
    assert.ok(keys.length >= 2);
    const gone = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys } }));
    assert.equal(gone.Deleted!.length, keys.length);
  });
});
