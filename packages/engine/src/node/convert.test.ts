import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { DiskError } from '../errors.ts';
import {
  checkSource,
  closeThreads,
  createFileSink,
  inspectSource,
  openFile,
  openSource,
  runConversion,
} from './index.ts';
import type { ConversionHooks, ConversionMark, ConversionRequest, HashName } from './types.ts';

const MiB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'imageyard-convert-'));
after(async () => {
  await closeThreads();
  rmSync(folder, { recursive: true, force: true });
});
const path = (name: string): string => join(folder, name);
const hashes: readonly HashName[] = ['md5', 'sha256', 'sha512'];

/** 16 MiB with 9 MiB of data: noise, text and holes. */
const source = path('source.raw');
{
  const sink = await createFileSink(source);
  let state = 1;
  const noise = Uint8Array.from(
    { length: MiB },
    () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24,
  );
  const text = Uint8Array.from({ length: MiB }, (_, i) => 97 + ((i * 7) % 23));
  for (const i of [0, 1, 2, 6, 7, 9, 10, 11, 15]) await sink.write(i * MiB, i % 2 ? noise : text);
  await sink.truncate(16 * MiB);
  await sink.close();
}

const request = (targetPath: string, more: Partial<ConversionRequest> = {}): ConversionRequest => ({
  source: { kind: 'file', path: source },
  sourceFormat: 'raw',
  targetPath,
  targetFormat: 'qcow2',
  options: { seed: new Uint8Array(16).fill(9) },
  hashes,
  ...more,
});
const digestsOf = (file: string): Record<string, string> =>
  Object.fromEntries(hashes.map((name) => [name, createHash(name).update(readFileSync(file)).digest('hex')]));
const sha = (file: string): string => digestsOf(file)['sha256']!;

for (const targetFormat of ['raw', 'qcow2', 'vhd', 'zvhd2'] as const) {
  test(`convert: ${targetFormat} in threads has the same bytes whatever the lanes, and right digests`, async () => {
    const files: string[] = [];
    for (const lanes of [1, 2, 4]) {
      const target = path(`${targetFormat}-${lanes}`);
      const result = await runConversion(request(target, { targetFormat, lanes }));
      assert.deepEqual(result.digests, digestsOf(target));
      assert.equal(result.fileSize, readFileSync(target).length);
      assert.equal((await checkSource({ kind: 'file', path: target })).virtualSize, result.virtualSize);
      files.push(sha(target));
    }
    assert.equal(new Set(files).size, 1);
  });

  test(`convert: ${targetFormat} resumed from its mark has the same bytes and digests`, async () => {
    const target = path(`resumed-${targetFormat}`);
    const marks: ConversionMark[] = [];
    await runConversion(request(target, { targetFormat }), {
      markBytes: 1,
      onMark: async (mark) => void marks.push(mark),
    });
    assert.ok(marks.length > 0);
    const whole = sha(target);
    const mark = marks[0]!;
    truncateSync(target, mark.fileEnd); // a crash may lose all that lies behind
    const told: number[] = [];
    const hooks: ConversionHooks = { onProgress: (stage, done) => stage === 'convert' && told.push(done) };
    const result = await runConversion(request(target, { targetFormat, resume: mark }), hooks);
    assert.equal(sha(target), whole);
    assert.equal(result.digests.sha256, whole);
    assert.equal(told[0], mark.dataBytesDone);
    assert.ok(told.at(-1)! > mark.dataBytesDone);
  });
}

test('convert: parts of files are read as one source', async () => {
  const bytes = readFileSync(source);
  const parts = [0, 3_333_333, 10 * MiB].map((from, i, all) => {
    const part = bytes.subarray(from, all[i + 1] ?? bytes.length);
    writeFileSync(path(`part-${i}`), part);
    return { path: path(`part-${i}`), size: part.length };
  });
  const joined = { kind: 'parts', parts } as const;
  assert.equal((await checkSource(joined)).fileSize, bytes.length);
  await runConversion(request(path('from-parts'), { source: joined, targetFormat: 'raw' }));
  assert.equal(sha(path('from-parts')), sha(source));
  const file = await openSource(joined);
  const across = new Uint8Array(100);
  await file.read(3_333_300, across);
  await file.close();
  assert.deepEqual(across, new Uint8Array(bytes.subarray(3_333_300, 3_333_400)));
  const wrong = { kind: 'parts', parts: [{ ...parts[0]!, size: 5 }] } as const;
  await assert.rejects(checkSource(wrong), { kind: 'disk-changed' });
});

test('convert: progress tells each stage up to its total and never falls', async () => {
  const told: Record<string, [number, number][]> = {};
  await runConversion(request(path('progress')), {
    onProgress: (stage, done, total) => void (told[stage] ??= []).push([done, total]),
  });
  for (const stage of ['convert', 'hash']) {
    const steps = told[stage]!;
    const done = steps.map(([bytes]) => bytes);
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
    );
    assert.equal(steps.at(-1)![0], steps.at(-1)![1]);
  }
});

test('convert: aborted in the middle it rejects with the reason, and its threads serve the next', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const converting = runConversion(request(path('aborted'), { targetFormat: 'zvhd2' }), {
    signal: controller.signal,
    onProgress: (_stage, done) => done > 0 && controller.abort(reason),
  });
  await assert.rejects(converting, reason);
  await runConversion(request(path('after-abort'), { targetFormat: 'raw' }));
  assert.equal(sha(path('after-abort')), sha(source));
});

test('convert: a mark that can not be kept ends the conversion with its error', async () => {
  const lost = new Error('lease lost');
  await assert.rejects(
    runConversion(request(path('lost')), { markBytes: 1, onMark: () => Promise.reject(lost) }),
    lost,
  );
});

test('convert: a source that is written to meanwhile is refused as changed', async () => {
  const moving = path('moving.raw');
  copyFileSync(source, moving);
  const hooks: ConversionHooks = { onProgress: () => utimesSync(moving, 1, 1) };
  const converting = runConversion(request(path('moved'), { source: { kind: 'file', path: moving } }), hooks);
  await assert.rejects(converting, { kind: 'disk-changed' });
});

test('convert: a packed unit that is broken gives its kind and place from the lane', async () => {
  const zvhd2 = path('broken.zvhd2');
  await runConversion(request(zvhd2, { targetFormat: 'zvhd2', hashes: [] }));
  const bytes = readFileSync(zvhd2);
  bytes.fill(0xff, 4096 + 48 + 9, 4096 + 48 + 400); // from the first block header on
  writeFileSync(zvhd2, bytes);
  const broken = request(path('never'), {
    source: { kind: 'file', path: zvhd2 },
    sourceFormat: 'zvhd2',
    lanes: 2,
  });
  await assert.rejects(runConversion(broken), (error: unknown) => {
    assert.ok(error instanceof DiskError);
    assert.equal(error.kind, 'disk-corrupt');
    assert.deepEqual([error.where.format, error.where.offset], ['zvhd2', 4096 + 48]);
    return true;
  });
});

test("convert: a target that can not be written gives the system's error", async () => {
  await assert.rejects(runConversion(request(path('no/such/folder'))), { code: 'ENOENT' });
});

test('check: a refusal crosses threads with kind, place and evidence; a report tells the same', async () => {
  const cut = path('cut.qcow2');
  await runConversion(request(cut, { hashes: [] }));
  truncateSync(cut, 2 * MiB + 512);
  await assert.rejects(checkSource({ kind: 'file', path: cut }), (error: unknown) => {
    assert.ok(error instanceof DiskError);
    assert.equal(error.kind, 'disk-truncated');
    assert.equal(error.where.format, 'qcow2');
    return true;
  });
  const report = await inspectSource({ kind: 'file', path: cut });
  assert.equal(report.refused, true);
  await assert.rejects(checkSource({ kind: 'file', path: source }, { stated: 'vmdk' }), {
    kind: 'disk-mismatch',
  });
  await assert.rejects(checkSource({ kind: 'file', path: path('absent') }), { code: 'ENOENT' });
});

test('check: an aborted check ends with the reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const checking = checkSource({ kind: 'file', path: source }, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(checking, reason);
});

test('files: reading behind the end is refused, holes are told where the machine knows them', async () => {
  const file = await openFile(source);
  try {
    await assert.rejects(file.read(file.size - 1, new Uint8Array(2)), { kind: 'disk-truncated' });
    const found = await file.nextData?.(4 * MiB);
    if (found) assert.ok(found.start >= 4 * MiB && found.end <= file.size);
    assert.equal(await file.nextData?.(file.size), undefined);
  } finally {
    await file.close();
  }
});

test('threads: an idle pool does not keep a process alive, a running task does', () => {
  const code = `
    import { runConversion } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const result = await runConversion(${JSON.stringify({ ...request(path('child')), options: {} }).replace(
      '"options":{}',
      '"options":{"seed":new Uint8Array(16)}',
    )});
    console.log(result.digests.md5);
  `;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(child.status, 0, child.stderr);
  assert.equal(child.stdout.trim(), digestsOf(path('child'))['md5']);
});
