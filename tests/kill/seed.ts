/** Make a data folder with one object in a bucket: `node seed.ts DATA FILE`. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createBlobs, createBuckets, migrate, openFolderStore, openSqlite } from '@imageyard/core';
import type { Actor } from '@imageyard/core';
import { closeThreads, createHashFollower } from '@imageyard/engine/node';

const [data = '', file = ''] = process.argv.slice(2);
const catalog = openSqlite(join(data, 'catalog.db'));
await migrate(catalog);
const blobs = createBlobs({ catalog, store: await openFolderStore(join(data, 'store')), createHashFollower });
const buckets = createBuckets({ catalog, blobs, createHashFollower });
const actor: Actor = {
  userId: 'u',
  userName: 'user',
  domainId: 'd',
  domainName: 'Default',
  projectId: 'a'.repeat(32),
  projectName: 'p',
  roles: new Set(['admin']),
  isAdmin: true,
  auditId: 'kill',
};
await buckets.createBucket(actor, 'kill');
const bucket = await buckets.open(actor, 'kill', 'bucket-write');
const blob = await blobs.receive(createReadStream(file), { limitBytes: 1e12 });
await buckets.put(bucket, 'disk', blob, { headers: {}, metadata: {} });
await buckets.close();
await blobs.close();
await closeThreads();
await catalog.close();
