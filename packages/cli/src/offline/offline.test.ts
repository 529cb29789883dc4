import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '../../../..');
const program = join(root, 'packages/cli/bin/imageyard.js');
const sample = join(root, 'tests/fixtures/sample/sample.qcow2');
const folder = mkdtempSync(join(tmpdir(), 'imageyard-offline-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A folder of its own for each test. */
const place = (): string => mkdtempSync(join(folder, 't-'));

function run(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

test('inspect: tells format, sizes and the findings of every check', () => {
  const { code, stdout } = run('inspect', sample);
  assert.equal(code, 0);
  assert.match(stdout, /^format: +qcow2, v3$/m);
  assert.match(stdout, /^virtual size: +.* bytes\)$/m);
  assert.match(stdout, /^backing file: +none$/m);
  assert.match(stdout, /^encryption: +none$/m);
  assert.match(stdout, /^ {2}passed {2}backing-file: /m);
  assert.match(stdout, /^verdict: safe to use$/m);
});

test('inspect: -o json gives the same as one object', () => {
  const { code, stdout } = run('inspect', sample, '-o', 'json');
  assert.equal(code, 0);
  const report = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(report['format'], 'qcow2');
  assert.equal(report['refused'], false);
  assert.ok(Array.isArray(report['findings']) && report['findings'].length > 5);
  assert.equal(typeof report['allocatedBytes'], 'number');
});

test('inspect: a file cut short is reported, with exit status 2', () => {
  const cut = join(place(), 'cut.qcow2');
  copyFileSync(sample, cut);
  truncateSync(cut, 200_192);
  const { code, stdout } = run('inspect', cut);
  assert.equal(code, 2);
  assert.match(stdout, /refused .*\[disk-truncated\]/);
  assert.match(stdout, /^verdict: refused$/m);
});

test('inspect: a file that is not there gives exit status 1 and its name', () => {
  const { code, stderr } = run('inspect', join(folder, 'absent.raw'));
  assert.equal(code, 1);
  assert.match(stderr, /absent\.raw/);
});

test('convert: there and back gives the same guest, and the same file twice', () => {
  const at = place();
  for (const name of ['a', 'b']) {
    const { code, stdout } = run('convert', sample, join(at, `${name}.zvhd2`), '--to', 'zvhd2');
    assert.equal(code, 0);
    assert.match(stdout, /zvhd2 from qcow2/);
  }
  assert.deepEqual(readFileSync(join(at, 'a.zvhd2')), readFileSync(join(at, 'b.zvhd2')));
  assert.equal(run('convert', sample, join(at, 'a.raw'), '--to', 'raw').code, 0);
  assert.equal(run('convert', join(at, 'a.zvhd2'), join(at, 'b.qcow2'), '--to', 'qcow2').code, 0);
  const back = JSON.parse(run('inspect', join(at, 'b.qcow2'), '-o', 'json').stdout) as {
    virtualSize: number;
  };
  assert.equal(back.virtualSize, 2 ** 30); // ZVHD2 shows whole GiB
  assert.deepEqual(readdirSync(at).sort(), ['a.raw', 'a.zvhd2', 'b.qcow2', 'b.zvhd2']);
});

test('convert: an existing target is refused and left alone, unless --force says otherwise', () => {
  const target = join(place(), 'kept.raw');
  writeFileSync(target, 'precious');
  const refused = run('convert', sample, target, '--to', 'raw');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--force/);
  assert.equal(readFileSync(target, 'utf8'), 'precious');
  assert.equal(run('convert', sample, target, '--to', 'raw', '--force').code, 0);
  assert.ok(readFileSync(target).length > 1_000_000);
});

test('convert: a target that is no regular file is refused, even with --force', () => {
  for (const target of ['/dev/null', place()]) {
    const refused = run('convert', sample, target, '--to', 'raw', '--force');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /not a regular file/);
  }
  assert.ok(statSync('/dev/null').isCharacterDevice());
});

test('convert: a refused source gives exit status 2, kind, message and place, and leaves nothing', () => {
  const at = place();
  const cut = join(at, 'cut.qcow2');
  copyFileSync(sample, cut);
  truncateSync(cut, 200_192);
  const { code, stderr } = run('convert', cut, join(at, 'out.raw'), '--to', 'raw');
  assert.equal(code, 2);
  assert.match(stderr, /^refused \(disk-truncated\): qcow2: .*\n {2}at format qcow2, .*byte \d+/m);
  assert.deepEqual(readdirSync(at), ['cut.qcow2']);
});

test('convert: a stated format that is not the content is refused', () => {
  const at = place();
  const { code, stderr } = run('convert', sample, join(at, 'out.raw'), '--to', 'raw', '--from', 'raw');
  assert.equal(code, 2);
  assert.match(stderr, /disk-mismatch/);
  assert.deepEqual(readdirSync(at), []);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`convert: ${signal} in the middle leaves nothing under any name`, async () => {
    const at = place();
    const source = join(at, 'noise.raw');
    const noise = randomBytes(16 * 1024 * 1024);
    writeFileSync(source, Buffer.concat(Array.from({ length: 16 }, () => noise)));
    const child = spawn(process.execPath, [
      program,
      'convert',
      source,
      join(at, 'out.zvhd2'),
      '--to',
      'zvhd2',
    ]);
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    while (!readdirSync(at).some((name) => name.endsWith('.part'))) {
      assert.equal(child.exitCode, null, 'ended before it could be stopped');
      await sleep(5);
    }
    child.kill(signal);
    assert.equal(await ended, 1);
    assert.deepEqual(readdirSync(at), ['noise.raw']);
  });
}
