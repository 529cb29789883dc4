import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ceilDiv, fits, isAllZero, isPowerOfTwo, roundDown, roundUp } from './align.ts';
import { crc32c } from './crc32c.ts';
import { Fields } from './fields.ts';
import { guidAt, guidBytes } from './guid.ts';
import * as integers from './integers.ts';
import { shownCString, shownText } from './text.ts';
import { decodeUtf16, encodeUtf16 } from './utf16.ts';

test('integers: what is written is read back, in both orders and at any place', () => {
  const pairs = [
    [integers.putU16be, integers.u16be, 2 ** 16 - 1],
    [integers.putU16le, integers.u16le, 2 ** 16 - 1],
    [integers.putU32be, integers.u32be, 2 ** 32 - 1],
    [integers.putU32le, integers.u32le, 2 ** 32 - 1],
    [integers.putU64be, integers.u64be, Number.MAX_SAFE_INTEGER],
    [integers.putU64le, integers.u64le, Number.MAX_SAFE_INTEGER],
  ] as const;
  for (const [put, get, max] of pairs) {
    fc.assert(
      fc.property(fc.integer({ min: 0, max }), fc.nat(5), (value, at) => {
        const bytes = new Uint8Array(16).fill(0xaa);
        put(bytes, at, value);
        assert.equal(get(bytes, at), value);
      }),
    );
  }
});

test('integers: agree with DataView, byte order included', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      assert.equal(integers.u32be(bytes, 2), view.getUint32(2));
      assert.equal(integers.u32le(bytes, 2), view.getUint32(2, true));
      assert.equal(integers.u16be(bytes, 1), view.getUint16(1));
      const exact = view.getBigUint64(0);
      const wanted = exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : undefined;
      assert.equal(integers.u64be(bytes, 0), wanted);
    }),
  );
});

test('integers: a u64 of 2^53 is no number, one less is', () => {
  assert.equal(integers.u64be(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0), 0), undefined);
  assert.equal(
    integers.u64be(Uint8Array.of(0, 0x1f, 255, 255, 255, 255, 255, 255), 0),
    Number.MAX_SAFE_INTEGER,
  );
  assert.equal(integers.u64le(new Uint8Array(8).fill(255), 0), undefined);
});

test('integers: outside the buffer is an error, never undefined', () => {
  assert.throws(() => integers.u32be(new Uint8Array(3), 0), RangeError);
  assert.throws(() => integers.u8(new Uint8Array(3), 3), RangeError);
  assert.throws(() => integers.putU16be(new Uint8Array(3), 2, 1), RangeError);
  assert.throws(() => integers.putU16be(new Uint8Array(3), 0, 65_536), RangeError);
  assert.throws(() => integers.putU64be(new Uint8Array(8), 0, 2 ** 53), RangeError);
});

test('align: beyond 2^32, where bit operators would cut', () => {
  assert.equal(roundUp(2 ** 40 + 1, 65_536), 2 ** 40 + 65_536);
  assert.equal(roundUp(2 ** 40, 65_536), 2 ** 40);
  assert.equal(roundDown(2 ** 40 + 65_535, 65_536), 2 ** 40);
  assert.equal(ceilDiv(2 ** 46 + 1, 512), 2 ** 37 + 1);
  assert.ok(isPowerOfTwo(2 ** 45) && !isPowerOfTwo(0) && !isPowerOfTwo(2 ** 45 + 1));
  assert.ok(fits(10, 5, 15) && !fits(10, 6, 15) && !fits(16, 0, 15));
});

test('isAllZero: sees one set bit anywhere, at any alignment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(7), fc.nat(99), (length, shift, where) => {
      const bytes = new Uint8Array(120).subarray(shift, shift + length);
      assert.ok(isAllZero(bytes));
      bytes[where % length] = 0x80;
      assert.ok(!isAllZero(bytes));
    }),
  );
});

test('crc32c: the vectors of RFC 3720, and sums in pieces', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(crc32c(ascending.subarray(5), crc32c(ascending.subarray(0, 5))), 0x46dd794e);
});

test('guid: Microsoft order, there and back', () => {
  const text = '2dc27766-f623-4200-9d64-115e9bfd4a08'; // the BAT region of VHDX
  const bytes = guidBytes(text.toUpperCase());
  assert.deepEqual([...bytes.subarray(0, 10)], [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64]);
  assert.equal(guidAt(bytes, 0), text);
  assert.throws(() => guidBytes('not-a-guid'), RangeError);
});

test('utf16: both orders, lone surrogates replaced', () => {
  for (const endian of ['le', 'be'] as const) {
    assert.equal(decodeUtf16(encodeUtf16('C:\\Größe 💾', endian), endian), 'C:\\Größe 💾');
  }
  assert.equal(decodeUtf16(Uint8Array.of(0x00, 0xd8, 0x41, 0), 'le'), '\ufffdA');
});

test('text: control, bidi and quote characters are escaped, so that nobody is fooled (H26)', () => {
  const hostile = new TextEncoder().encode('\u001b[31mx\r\nINFO ok "q" \\ \u202e\u0000\u0085ü');
  assert.equal(shownText(hostile), '\\x1b[31mx\\x0d\\x0aINFO ok \\"q\\" \\\\ \\u202e\\x00\\x85ü');
  assert.equal(shownText(Uint8Array.of(0x61, 0xff, 0x62)), 'a\ufffdb');
  assert.equal(shownCString(new TextEncoder().encode('name\0rest')), 'name');
});

test('text: what is too long is cut, within an escape too, and not decoded', () => {
  assert.equal(shownText('a'.repeat(1000)), `${'a'.repeat(256)}…`);
  assert.equal(shownText('\u0001'.repeat(100), 10), '\\x01\\x01…');
  assert.equal(shownText(new Uint8Array(64 * 1024 * 1024).fill(0x61), 8), 'aaaaaaaa…');
});

test('fields: an error names format, field, byte of the file and what to do', () => {
  const fields = new Fields(new Uint8Array(16).fill(255), { format: 'vhdx', offset: 65_536, endian: 'le' });
  assert.throws(() => fields.u64(8, 'log_offset'), {
    kind: 'disk-corrupt',
    where: { format: 'vhdx', field: 'log_offset', offset: 65_544 },
    message:
      'vhdx: 0xffffffffffffffff is no possible size or offset (log_offset at byte 65544); check and repair it with the program that wrote it',
  });
  assert.throws(() => fields.slice(10, 7), RangeError);
  assert.throws(() => fields.u32(13), RangeError);
});
