/** The same service on PostgreSQL: register, SIGKILL, start again, all of it still there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPostgres, startCluster } from '../catalog/postgres.ts';
import { program, run, startServer } from '../harness.ts';

const found = findPostgres();
if ('missing' in found && process.env['CI']) throw new Error(found.missing);

test(
  'a server on PostgreSQL registers, survives SIGKILL and keeps everything',
  { skip: 'missing' in found ? found.missing : false },
  async (t) => {
    const cluster = await startCluster({ fsync: true });
    t.after(() => cluster.stop());
    const env = { DATABASE_URL: cluster.url('postgres') };
    const first = await startServer({ env });
    const sample = join(import.meta.dirname, '../fixtures/sample/sample.qcow2');
    const pushed = await run(process.execPath, [
      program,
      'push',
      sample,
      '--format',
      'vhd',
      '--ready-file',
      first.readyFile,
    ]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const id = /image\s+([0-9a-f-]{36})/.exec(pushed.stdout)![1]!;
    const args = [
      'serve',
      '--data',
      join(first.folder, 'other'),
      '--listen',
      '127.0.0.1:0',
      '--bucket-listen',
      '127.0.0.1:0',
    ];
    const rival = await run(process.execPath, [program, ...args], { env });
    assert.equal(rival.code, 1);
    assert.match(rival.stderr, /database is in use by another imageyard/);
    const refused = await run(process.execPath, [
      program,
      'push',
      'absent-bucket:x',
      '--ready-file',
      first.readyFile,
    ]);
    assert.equal(refused.code, 2, refused.stderr);
    await first.kill();

    const second = await startServer({ env, folder: first.folder });
    t.after(() => second[Symbol.asyncDispose]());
    const token = (
      await run(process.execPath, [program, 'token', '--ready-file', second.readyFile])
    ).stdout.trim();
    const headers = { 'x-auth-token': token };
    const shown = (await (await fetch(`${second.ready.api}/v2/images/${id}`, { headers })).json()) as {
      status: string;
      size: number;
    };
    assert.equal(shown.status, 'active');
    const file = await fetch(`${second.ready.api}/v2/images/${id}/file`, { headers });
    assert.equal((await file.arrayBuffer()).byteLength, shown.size);
  },
);
