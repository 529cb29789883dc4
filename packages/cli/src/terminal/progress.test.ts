import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barLine, bytesText, createProgress, durationText } from './progress.ts';

const MiB = 1024 * 1024;

function recorder(isTTY: boolean, columns = 80) {
  let text = '';
  let time = 0;
  const stream = { isTTY, columns, write: (part: string) => void (text += part) };
  return {
    progress: createProgress(stream, () => time),
    pass: (ms: number) => void (time += ms),
    text: () => text,
  };
}

test('progress: a bar shows stage, share, rate and the time that is left', () => {
  const { progress, pass, text } = recorder(true);
  progress.update({ stage: 'convert', bytesDone: 0, bytesTotal: 100 * MiB });
  pass(1000);
  progress.update({ stage: 'convert', bytesDone: 25 * MiB, bytesTotal: 100 * MiB });
  progress.finish();
  const last = text().split('\r\x1b[K').at(-1)!;
  assert.match(last, /^convert \[#+-+\]\s+25 %  25\.0 MiB of 100 MiB  25\.0 MiB\/s  0:03 left\n$/);
});

test('progress: a bar is redrawn at most ten times a second, but always at the end', () => {
  const { progress, pass, text } = recorder(true);
  for (let i = 0; i <= 1000; i++) {
    progress.update({ stage: 'convert', bytesDone: i, bytesTotal: 1000 });
    pass(1);
  }
  progress.finish();
  const drawn = text().split('\r\x1b[K').length - 1;
  assert.ok(drawn >= 10 && drawn <= 12, `drawn ${drawn} times`);
  assert.match(text(), /100 %[^\r]*\n$/);
});

test('progress: without a terminal there is one line when a stage begins and one when it ends', () => {
  const { progress, pass, text } = recorder(false);
  for (const stage of ['check', 'convert']) {
    for (let i = 0; i <= 10; i++) {
      progress.update({ stage, bytesDone: i * MiB, bytesTotal: 10 * MiB });
      pass(100);
    }
  }
  progress.finish();
  progress.finish();
  assert.equal(
    text(),
    'check: 10.0 MiB\ncheck: 10.0 MiB in 1.1 s, 9.09 MiB/s\n' +
      'convert: 10.0 MiB\nconvert: 10.0 MiB in 1.1 s, 9.09 MiB/s\n',
  );
});

test('progress: a line never reaches the edge of a narrow terminal', () => {
  const at = { stage: 'convert', bytesDone: 123_456_789, bytesTotal: 987_654_321 };
  for (const columns of [10, 40, 60, 80, 200]) {
    assert.ok(barLine(at, 1e8, columns).length < columns, `${columns} columns`);
  }
});

test('progress: an unknown total shows neither share nor time left', () => {
  assert.equal(
    barLine({ stage: 'hash', bytesDone: 2048, bytesTotal: 0 }, 1024, 80),
    'hash 2.00 KiB  1.00 KiB/s',
  );
});

test('progress: sizes and durations as people read them', () => {
  assert.deepEqual([0, 1023, 1024, 1_342_177, 2 ** 40].map(bytesText), [
    '0 B',
    '1023 B',
    '1.00 KiB',
    '1.28 MiB',
    '1.00 TiB',
  ]);
  assert.deepEqual([0, 7, 750, 10_931].map(durationText), ['0:00', '0:07', '12:30', '3:02:11']);
});
