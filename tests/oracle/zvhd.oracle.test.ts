/**
 * Files made by the platform vendor's own image tool (huaweicloud/ims-qemu-img), with the SHA-256
 * of the guest bytes that went in: tests/fixtures/zvhd/manifest.json.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkSource, closeThreads, openFile } from '../../packages/engine/src/node/index.ts';
import { driverFor, GuestReader, type Disk, type FormatName } from '../../packages/engine/src/index.ts';

interface Fixture {
  readonly file: string;
  readonly format: FormatName;
  readonly compression: string;
  readonly originalSize: number;
  readonly currentSize: number;
  readonly fileSize: number;
  readonly sha256File: string;
  readonly sha256GuestOriginalSize: string;
}
const folder = join(import.meta.dirname, '../fixtures/zvhd');
const fixtures = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Fixture[];
const STEP = 4 * 1024 * 1024;

/** SHA-256 of guest bytes [0, end): holes from memory, the rest through the reader. */
async function guestSha256(disk: Disk, end: number): Promise<string> {
  const hash = createHash('sha256');
  const reader = new GuestReader(disk);
  const buffer = new Uint8Array(STEP);
  const zeros = new Uint8Array(STEP);
  for await (const extent of disk.extents(0)) {
    const stop = Math.min(end, extent.guestOffset + extent.length);
    for (let at = extent.guestOffset; at < stop;) {
      const length = Math.min(STEP, stop - at);
      if (extent.kind === 'hole') hash.update(zeros.subarray(0, length));
      else {
        await reader.read(at, buffer.subarray(0, length));
        hash.update(buffer.subarray(0, length));
      }
      at += length;
    }
  }
  return hash.digest('hex');
}

test.after(closeThreads);

for (const fixture of fixtures) {
  const path = join(folder, fixture.file);

  test(`${fixture.file}: passes every check and tells its sizes and compression`, async () => {
    const source = await checkSource({ kind: 'file', path });
    assert.equal(source.format, fixture.format);
    assert.equal(source.virtualSize, fixture.currentSize);
    assert.equal(source.fileSize, fixture.fileSize);
    assert.equal(source.canonical, true);
    assert.equal(source.facts.details['originalSize'], fixture.originalSize);
    assert.equal(source.facts.compression, fixture.compression);
    assert.equal(source.dataBytes > 0, !fixture.file.startsWith('empty'));
  });

  if (fixture.file === 'two-bitmaps.zvhd2') continue;
  test(`${fixture.file}: shows the guest bytes that went in`, async () => {
    const file = await openFile(path);
    try {
      const disk = await driverFor(fixture.format).open(file, 'deny');
      assert.equal(await guestSha256(disk, fixture.originalSize), fixture.sha256GuestOriginalSize);
    } finally {
      await file.close();
    }
  });
}

test('two-bitmaps.zvhd2: shows the stored blocks, the last of them behind the first bitmap segment', async () => {
  // All 70 GiB were compared once, with the hash of the manifest; that takes half a minute. The
  // hash below is the stored blocks' of that run.
  const file = await openFile(join(folder, 'two-bitmaps.zvhd2'));
  try {
    const disk = await driverFor('zvhd2').open(file, 'deny');
    const reader = new GuestReader(disk);
    const hash = createHash('sha256');
    let last = 0;
    for await (const extent of disk.extents(0)) {
      if (extent.kind === 'hole') continue;
      const block = new Uint8Array(extent.length);
      await reader.read(extent.guestOffset, block);
      hash.update(block);
      last = extent.guestOffset / block.length;
    }
    assert.ok(last > 32_768);
    assert.equal(hash.digest('hex'), 'a1ed3ae8e8380b0da4c13f92c66aa588f5d880fc64760a64ef6c1b9fa656e0f8');
  } finally {
    await file.close();
  }
});
