import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BucketClient,
  createImage,
  registerImage,
  Session,
  showImage,
  showJob,
} from '@imageyard/wire/client';
import { startServer } from '../harness.ts';
import type { Running } from '../harness.ts';
import { writeDisk } from './disk.ts';
import { assertIntegrity, catalogFile } from './integrity.ts';

/** SIGKILLs of the real program; the long run is `IMAGEYARD_KILLS=50`. */
const kills = Number(process.env['IMAGEYARD_KILLS'] ?? 4);
/** Longest random wait before a kill, in milliseconds. */
const longestMs = 2_500;

const root = mkdtempSync(join(tmpdir(), 'imageyard-kill-server-'));
after(() => rmSync(root, { recursive: true, force: true }));
const MiB = 1024 * 1024;

/** What the server has acknowledged so far, and how it must stay. */
interface Promised {
  /** Object key → SHA-256. */
  readonly objects: Map<string, string>;
  /** Images that were created. */
  readonly created: Set<string>;
  /** Image → job of an accepted registration. */
  readonly registered: Map<string, string>;
  /** Image → MD5 of an upload that was answered. */
  readonly uploaded: Map<string, string>;
}

async function clients({ ready }: Running) {
  const session = await Session.open({
    identity: ready.identity,
    user: ready.user,
    domain: ready.domain,
    password: ready.password,
    project: { id: ready.project.id },
    region: ready.region,
    api: ready.api,
    bucket: ready.bucket,
  });
  const { accessKey, secretKey, region } = ready;
  const bucket = new BucketClient({ url: ready.bucket, region, accessKey, secretKey });
  return { session, bucket };
}

type Clients = Awaited<ReturnType<typeof clients>>;

/** Registrations and uploads side by side, until the server is gone. */
async function work({ session, bucket }: Clients, promised: Promised, round: number): Promise<void> {
  const file = join(root, `object-${round}`);
  const bytes = createHash('shake256', { outputLength: 12 * MiB })
    .update(`object ${round}`)
    .digest();
  await writeFile(file, bytes);
  const draft = { container_format: 'bare', __os_version: 'Debian GNU/Linux 12.0.0 64bit' };
  const create = async (more: Record<string, unknown>): Promise<string> => {
    const { id } = await createImage(session, { ...draft, name: `image ${round}`, ...more });
    promised.created.add(id);
    return id;
  };
  const converting = async (): Promise<void> => {
    const id = await create({ disk_format: 'zvhd2' });
    promised.registered.set(id, await registerImage(session, id, 'kill:disk'));
  };
  const keeping = async (): Promise<void> => {
    const id = await create({ disk_format: 'raw' });
    promised.registered.set(id, await registerImage(session, id, 'kill:disk'));
  };
  const putting = async (): Promise<void> => {
    await bucket.upload(file, 'kill', `object-${round}`);
    promised.objects.set(`object-${round}`, createHash('sha256').update(bytes).digest('hex'));
  };
  const uploading = async (): Promise<void> => {
    const id = await create({ disk_format: 'raw' });
    const response = await fetch(`${session.api}/v2/images/${id}/file`, {
      method: 'PUT',
      headers: { 'x-auth-token': session.token, 'content-type': 'application/octet-stream' },
      body: createReadStream(file) as unknown as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    if (response.status === 204) promised.uploaded.set(id, createHash('md5').update(bytes).digest('hex'));
  };
  // A request that the kill cut off was not answered: it promises nothing.
  await Promise.allSettled([converting(), keeping(), putting(), uploading()]);
}

/** Wait until one more upload has been answered. */
async function acknowledgement({ objects, uploaded }: Promised): Promise<void> {
  const before = objects.size + uploaded.size;
  for (let waited = 0; waited < 60_000 && objects.size + uploaded.size === before; waited += 5)
    await sleep(5);
}

async function settled(session: Session, promised: Promised): Promise<void> {
  for (const [image, job] of promised.registered) {
    for (let waited = 0; ; waited += 50) {
      const { status, fail_reason: reason } = await showJob(session, job);
      if (status === 'SUCCESS') break;
      assert.notEqual(status, 'FAIL', `image ${image}: ${reason}`);
      assert.ok(waited < 120_000, `job ${job} never ended`);
      await sleep(50);
    }
  }
}

async function assertPromises({ session }: Clients, promised: Promised, hashes: Set<string>): Promise<void> {
  for (const id of promised.created) {
    const image = await showImage(session, id);
    assert.notEqual(image.status, 'saving', `image ${id} waits for nobody`);
    if (promised.registered.has(id)) {
      assert.equal(image.status, 'active');
      assert.ok(hashes.has(String(image.os_hash_value)), `image ${id} has other bytes`);
    }
    const md5 = promised.uploaded.get(id);
    if (md5 !== undefined) assert.deepEqual([image.status, image.checksum], ['active', md5]);
  }
}

async function assertObjects(data: string, promised: Promised): Promise<void> {
  const database = new DatabaseSync(catalogFile(data), { readOnly: true });
  const find = database.prepare('select blob_id from bucket_objects where key = ?');
  for (const [key, sha256] of promised.objects) {
    const row = find.get(key) as { blob_id: string } | undefined;
    assert.ok(row, `object ${key} is lost`);
    const bytes = readFileSync(join(data, 'store/blobs', row.blob_id.slice(0, 2), row.blob_id));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, `object ${key}`);
  }
  database.close();
}

test(`${kills} kills at random moments of registrations and uploads: nothing acknowledged is lost`, async (t) => {
  let server = await startServer();
  after(async () => server[Symbol.asyncDispose]());
  const promised: Promised = {
    objects: new Map(),
    created: new Set(),
    registered: new Map(),
    uploaded: new Map(),
  };
  const disk = join(root, 'disk.raw');
  await writeDisk(disk, 96, 'server');
  const first = await clients(server);
  await first.bucket.ensureBucket('kill');
  await first.bucket.upload(disk, 'kill', 'disk');
  // Undisturbed: what the bytes must be.
  const hashes = new Set<string>();
  for (const format of ['zvhd2', 'raw']) {
    const { id } = await createImage(first.session, { disk_format: format, container_format: 'bare' });
    promised.registered.set(id, await registerImage(first.session, id, 'kill:disk'));
    await settled(first.session, promised);
    hashes.add(String((await showImage(first.session, id)).os_hash_value));
  }
  assert.equal(hashes.size, 2);
  for (let round = 1; round <= kills; round += 1) {
    const working = work(await clients(server), promised, round);
    const began = performance.now();
    // Every other time not before something was acknowledged, however slow the machine is.
    if (round % 2 === 0) await acknowledgement(promised);
    await sleep(randomInt(longestMs));
    const afterMs = Math.round(performance.now() - began);
    await server.kill();
    await working;
    server = await startServer({ folder: server.folder });
    const again = await clients(server);
    await settled(again.session, promised);
    await assertPromises(again, promised, hashes);
    t.diagnostic(
      `kill ${round} after ${afterMs} ms: ${promised.registered.size} registered, ${promised.uploaded.size} uploaded, ${promised.objects.size} objects`,
    );
  }
  // At rest, after the sweep of one more start.
  await server.stop();
  server = await startServer({ folder: server.folder });
  await server.stop();
  assertIntegrity(server.data);
  await assertObjects(server.data, promised);
});
