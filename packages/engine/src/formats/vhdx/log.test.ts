import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { putU32le, putU64le } from '../../bytes/integers.ts';
import type { SparseMemory } from '../../access/sparse-memory.ts';
import { readBytes } from '../../access/read.ts';
import { scanDisk } from '../../disk/scan.ts';
import { assertRefused, guestBytes } from '../testing.ts';
import { vhdx } from './driver.ts';
import {
  buildVhdx,
  LOG_AT,
  logEntry,
  logOf,
  MiB,
  present,
  type EntryShape,
  type LogWrite,
} from './testing.ts';

const DATA_AT = 4 * MiB;
const FILE_END = 6 * MiB;
const HEADER_2 = 128 * 1024;

/** 4096 bytes whose first eight and last four, which travel apart, are their own. */
const page = (fill: number): Uint8Array => {
  const bytes = new Uint8Array(4096).fill(fill);
  bytes.set([fill, 1, 2, 3, 4, 5, 6, 7], 0);
  bytes.set([fill, 9, 8, 7], 4092);
  return bytes;
};

const entry = (sequence: number, writes: readonly LogWrite[], more: Partial<EntryShape> = {}): Uint8Array =>
  logEntry({ sequence, writes, tail: 0, flushed: FILE_END, last: FILE_END, ...more });

const withLog = (log: Uint8Array): SparseMemory => buildVhdx({ log }).file;

async function replayed(
  file: SparseMemory,
): Promise<{ entries: unknown; guest: Uint8Array; canonical: boolean }> {
  const disk = await vhdx.open(file, 'deny');
  await scanDisk(disk);
  const finding = disk.findings.find((f) => f.check === 'log');
  assert.equal(finding?.level, 'noted');
  assert.equal(finding?.offset, HEADER_2 + 48);
  return { entries: finding?.value, guest: await guestBytes(disk), canonical: disk.canonical };
}

test('vhdx log H24: a pending write is applied in memory, the file stays as it is', async () => {
  const file = withLog(logOf([[0, entry(7, [{ at: DATA_AT + 4096, data: page(0x55) }])]]));
  const before = await readBytes(file, 0, file.size);
  const { entries, guest, canonical } = await replayed(file);
  assert.equal(entries, 1);
  assert.equal(canonical, false);
  assert.deepEqual(guest.subarray(4096, 8192), page(0x55));
  assert.equal(guest[4095], 1);
  assert.equal(guest[8192], 1);
  assert.ok(Buffer.from(before).equals(await readBytes(file, 0, file.size)));
});

test('vhdx log: a pending BAT entry is used, later writes win over earlier ones', async () => {
  const bat = page(0);
  bat.fill(0);
  putU64le(bat, 0, present(DATA_AT + MiB));
  const first = entry(7, [
    { at: 3 * MiB, data: bat },
    { at: DATA_AT + MiB, data: page(0x66) },
  ]);
  const second = entry(8, [{ at: DATA_AT + MiB, data: page(0x77) }]);
  const { entries, guest } = await replayed(
    withLog(
      logOf([
        [0, first],
        [first.length, second],
      ]),
    ),
  );
  assert.equal(entries, 2);
  assert.deepEqual(guest.subarray(0, 4096), page(0x77));
  assert.equal(guest[4096], 2);
  assert.equal(guest[3 * MiB], 0, 'block 3 is gone with the old BAT');
});

test('vhdx log: ranges of zeros are applied, and writes after them', async () => {
  const first = entry(7, [{ at: DATA_AT, zeros: 65_536 }]);
  const second = entry(8, [{ at: DATA_AT + 4096, data: page(0x44) }]);
  const { guest } = await replayed(
    withLog(
      logOf([
        [0, first],
        [first.length, second],
      ]),
    ),
  );
  assert.deepEqual(guest.subarray(0, 4096), new Uint8Array(4096));
  assert.deepEqual(guest.subarray(4096, 8192), page(0x44));
  assert.equal(guest[65_536], 1);
});

test('vhdx log: an entry may run around the end of the log', async () => {
  const position = MiB - 8192;
  const writes = [0, 1, 2, 3].map((i) => ({ at: DATA_AT + i * 4096, data: page(0x20 + i) }));
  const { entries, guest } = await replayed(
    withLog(logOf([[position, entry(3, writes, { tail: position })]])),
  );
  assert.equal(entries, 1);
  assert.deepEqual(guest.subarray(12_288, 16_384), page(0x23));
});

test('vhdx log: entries before the tail are not replayed', async () => {
  const old = entry(7, [{ at: DATA_AT, data: page(0x11) }]);
  const current = entry(8, [{ at: DATA_AT + 8192, data: page(0x22) }], { tail: old.length });
  const { entries, guest } = await replayed(
    withLog(
      logOf([
        [0, old],
        [old.length, current],
      ]),
    ),
  );
  assert.equal(entries, 1);
  assert.equal(guest[0], 1, 'the old entry is not applied');
  assert.deepEqual(guest.subarray(8192, 12_288), page(0x22));
});

test('vhdx log: of two sequences the higher one is replayed', async () => {
  const low = entry(3, [{ at: DATA_AT, data: page(0x11) }]);
  const high = entry(9, [{ at: DATA_AT, data: page(0x22) }], { tail: 65_536 });
  const { guest } = await replayed(
    withLog(
      logOf([
        [0, low],
        [65_536, high],
      ]),
    ),
  );
  assert.deepEqual(guest.subarray(0, 4096), page(0x22));
});

test('vhdx log: a torn last entry is not part of the sequence', async () => {
  const first = entry(7, [{ at: DATA_AT, data: page(0x11) }]);
  const torn = entry(8, [{ at: DATA_AT, data: page(0x22) }]);
  torn[5000] = 0xee;
  const { entries, guest } = await replayed(
    withLog(
      logOf([
        [0, first],
        [first.length, torn],
      ]),
    ),
  );
  assert.equal(entries, 1);
  assert.deepEqual(guest.subarray(0, 4096), page(0x11));
});

test('vhdx log: entries of another log are not replayed', async () => {
  const foreign = entry(7, [{ at: DATA_AT, data: page(0x11) }], {
    guid: '99999999-0000-4000-8000-000000000001',
  });
  const { entries, guest } = await replayed(withLog(logOf([[0, foreign]])));
  assert.equal(entries, 0);
  assert.equal(guest[0], 1);
});

test('vhdx log: an announced but empty log is noted, as qemu accepts it', async () => {
  const { entries, canonical } = await replayed(withLog(new Uint8Array(MiB)));
  assert.equal(entries, 0);
  assert.equal(canonical, false);
});

test('vhdx log: a file that the last entry lengthens reads as zeros behind its old end', async () => {
  const bat = new Uint8Array(4096);
  putU64le(bat, 0, present(FILE_END));
  const { guest } = await replayed(
    withLog(logOf([[0, entry(7, [{ at: 3 * MiB, data: bat }], { last: FILE_END + MiB })]])),
  );
  assert.deepEqual(guest.subarray(0, MiB), new Uint8Array(MiB));
});

test('vhdx log: more descriptors than fit one sector are followed', async () => {
  const writes = Array.from({ length: 130 }, (_, i) => ({ at: DATA_AT + i * 4096, data: page(i) }));
  const { guest } = await replayed(withLog(logOf([[0, entry(7, writes)]])));
  for (const i of [0, 125, 126, 129]) assert.deepEqual(guest.subarray(i * 4096, (i + 1) * 4096), page(i));
});

test('vhdx log: any sequence of writes ends in the bytes that the writes end in', async () => {
  const write = fc.record({ block: fc.nat(40), fill: fc.nat(255), zeros: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(write, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }),
      fc.nat(255),
      async (rounds, start) => {
        const expected = new Uint8Array(MiB).fill(1);
        const entries: [number, Uint8Array][] = [];
        const first = start * 4096;
        let position = first;
        rounds.forEach((round, i) => {
          const writes = round.map(({ block, fill, zeros }): LogWrite => {
            const bytes = zeros ? new Uint8Array(4096) : page(fill);
            expected.set(bytes, block * 4096);
            return zeros
              ? { at: DATA_AT + block * 4096, zeros: 4096 }
              : { at: DATA_AT + block * 4096, data: bytes };
          });
          const made = entry(20 + i, writes, { tail: first });
          entries.push([position, made]);
          position = (position + made.length) % MiB;
        });
        const { guest } = await replayed(withLog(logOf(entries)));
        assert.ok(Buffer.from(guest.subarray(0, MiB)).equals(expected));
      },
    ),
    { numRuns: 20 },
  );
});

const simple: readonly LogWrite[] = [{ at: DATA_AT, data: page(0x11) }];
const hostile: readonly [title: string, log: Uint8Array, field: string, position: number][] = [
  ['H9: a tail that names no entry', logOf([[0, entry(7, simple, { tail: 65_536 })]]), 'log', 0],
  [
    'a file shorter than the entry wants',
    logOf([[0, entry(7, simple, { flushed: FILE_END + 1 })]]),
    'flushed_file_offset',
    48,
  ],
  [
    'an impossible file length',
    logOf([[0, entry(7, simple, { change: (e) => e.fill(0xff, 56, 64) })]]),
    'last_file_offset',
    56,
  ],
  [
    'a write that is not on 4096',
    logOf([[0, entry(7, [{ at: DATA_AT + 512, data: page(1) }])]]),
    'descriptor',
    64,
  ],
  ['a write behind the end', logOf([[0, entry(7, [{ at: FILE_END, data: page(1) }])]]), 'descriptor', 64],
  ['a write into the headers', logOf([[0, entry(7, [{ at: 65_536, data: page(1) }])]]), 'descriptor', 64],
  ['a write into the log', logOf([[0, entry(7, [{ at: LOG_AT + 4096, data: page(1) }])]]), 'descriptor', 64],
  ['zeros over the log', logOf([[0, entry(7, [{ at: LOG_AT - 4096, zeros: 8192 }])]]), 'descriptor', 64],
  ['zeros behind the end', logOf([[0, entry(7, [{ at: DATA_AT, zeros: 2 ** 50 }])]]), 'descriptor', 64],
  [
    'more descriptors than room',
    logOf([[0, entry(7, simple, { change: (e) => putU32le(e, 24, 0xffff_ffff) })]]),
    'descriptor_count',
    24,
  ],
  [
    'a descriptor that is none',
    logOf([[0, entry(7, simple, { change: (e) => e.fill(0, 64, 68) })]]),
    'descriptor[0]',
    0,
  ],
  [
    'a descriptor of another entry',
    logOf([[0, entry(7, simple, { change: (e) => putU64le(e, 88, 8) })]]),
    'descriptor[0]',
    0,
  ],
  [
    'data of another entry',
    logOf([[0, entry(7, simple, { change: (e) => putU32le(e, 4096 + 4092, 8) })]]),
    'descriptor[0]',
    64,
  ],
  [
    'a descriptor without data',
    logOf([
      [
        0,
        entry(7, simple, {
          change: (e) => {
            putU32le(e, 24, 2);
            e.copyWithin(96, 64, 96);
          },
        }),
      ],
    ]),
    'descriptor[1]',
    96,
  ],
];
for (const [title, log, field, position] of hostile) {
  test(`vhdx log: ${title} is refused`, async () => {
    await assertRefused(vhdx, withLog(log), {
      kind: 'disk-corrupt',
      field,
      offset: LOG_AT + position,
      message: /log/,
    });
  });
}

test('vhdx log H9: an entry of length 0 ends the search instead of looping', async () => {
  const log = logOf([[0, entry(7, simple, { change: (e) => putU32le(e, 8, 0) })]]);
  assert.equal((await replayed(withLog(log))).entries, 0);
});

test('vhdx log H9: an entry whose tail is itself is replayed once', async () => {
  const log = logOf([[8192, entry(7, simple, { tail: 8192 })]]);
  assert.equal((await replayed(withLog(log))).entries, 1);
});

test('vhdx log H9: entries that overlap are refused before their checksums take long', async () => {
  // Each sector claims to start an entry as long as the whole log.
  const sector = entry(7, simple).slice(0, 4096);
  putU32le(sector, 8, MiB);
  const log = logOf(Array.from({ length: 256 }, (_, i) => [i * 4096, sector] as const));
  await assert.rejects(vhdx.open(withLog(log), 'deny'), {
    kind: 'disk-corrupt',
    where: { format: 'vhdx', field: 'log', offset: LOG_AT + 4 * 4096 },
  });
});

test('vhdx log: more than 4096 ranges of zeros are refused', async () => {
  const writes = Array.from({ length: 4097 }, () => ({ at: DATA_AT, zeros: 4096 }));
  await assert.rejects(vhdx.open(withLog(logOf([[0, entry(7, writes)]])), 'deny'), {
    kind: 'disk-corrupt',
    message: /4096 ranges/,
  });
});
