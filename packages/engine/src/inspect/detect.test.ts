import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFile } from '../access/memory-file.ts';
import { detect } from './detect.ts';

test('plain text is no raw disk: scripts, notes and listings are named (H31)', async () => {
  for (const text of [
    'hello\n',
    '#!/bin/sh\necho ok\n',
    '{\n "a": 1 }',
    '[1, 2]',
    'Größe: 3\n'.repeat(400),
  ]) {
    const { foreign, disks } = await detect(memoryFile(new TextEncoder().encode(text)));
    assert.deepEqual(disks, []);
    assert.equal(foreign[0]?.kind, 'disk-unsupported', text.slice(0, 20));
  }
  assert.deepEqual((await detect(memoryFile(new Uint8Array(600)))).foreign, []);
  const wordy = new TextEncoder().encode('a guest wrote this\n'.repeat(80_000));
  assert.deepEqual((await detect(memoryFile(wordy))).foreign, [], 'more than 1 MiB: a disk may hold words');
});
